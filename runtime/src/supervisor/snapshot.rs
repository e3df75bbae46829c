//! What can be seen of a supervision tree from outside, without asking its processes.

use super::child_spec::ChildKind;
use super::children::Kept;
use super::strategy::Strategy;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use std::time::Duration;
use tokio::time::Instant;

/// A supervisor and its children, as they are at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The supervisor.
    pub pid: Pid,
    /// Its name, if it is registered.
    pub name: Option<Name>,
    /// Its strategy.
    pub strategy: Strategy,
    /// How many restarts it allows.
    pub max_restarts: u32,
    /// Within which time.
    pub max_seconds: Duration,
    /// How many of them it has used just now.
    pub restarts_in_window: u32,
    /// How many messages wait in its mailbox.
    pub mailbox: usize,
    /// Its children, in the order in which they are started.
    pub children: Vec<ChildSnapshot>,
}

/// A child in a [`Snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChildSnapshot {
    /// What the supervisor calls it.
    pub id: Name,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// What runs in it, if the supervisor knows.
    pub module: Option<Name>,
    /// Whether it runs.
    pub status: ChildStatus,
    /// Its name, if it is registered.
    pub name: Option<Name>,
    /// How many messages wait in its mailbox.
    pub mailbox: usize,
    /// How often it was restarted.
    pub restarts: u32,
    /// The process that it was before it ended last.
    pub previous: Option<Pid>,
    /// Its own children, if it is a supervisor that runs.
    pub tree: Option<Box<Snapshot>>,
}

/// Whether a child runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildStatus {
    /// As this process.
    Running(Pid),
    /// It ended, and is about to be started again.
    Restarting,
    /// It ended, and stays so.
    NotStarted,
}

/// The tree under a supervisor, as it is now; `None` when the process is not alive, or not a supervisor.
///
/// It asks nobody, so it works also on a supervisor that is busy. A child that ends meanwhile is shown as it was.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let sup = Supervisor::new(Strategy::OneForOne).start_link().await?;
/// assert_eq!(supervisor::snapshot(sup).unwrap().children.len(), 0);
/// assert!(supervisor::snapshot(me()).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn snapshot(supervisor: impl Into<Pid>) -> Option<Snapshot> {
    snapshot_of(supervisor.into())
}

fn snapshot_of(supervisor: Pid) -> Option<Snapshot> {
    let (shared, name, mailbox) = node().table.get(supervisor)?.update(supervisor, |state| {
        let shared = state.extras()?.supervisor.clone()?;
        Some((shared, state.name().cloned(), state.inbox.len()))
    })??;
    let now = Instant::now();
    let (mut snapshot, children) = shared.view(|view| {
        let snapshot = Snapshot {
            pid: supervisor,
            name,
            strategy: view.strategy,
            max_restarts: view.intensity.max,
            max_seconds: view.intensity.period,
            restarts_in_window: view.intensity.within(now) as u32,
            mailbox,
            children: Vec::new(),
        };
        let children: Vec<Kept> = view.children.iter().cloned().collect();
        (snapshot, children)
    });
    snapshot.children = children.into_iter().map(Kept::snapshot).collect();
    Some(snapshot)
}

impl Kept {
    fn snapshot(self) -> ChildSnapshot {
        let seen = self.pid().and_then(|pid| {
            let record = node().table.get(pid)?;
            record.update(pid, |state| (state.name().cloned(), state.inbox.len()))
        });
        let (name, mailbox) = seen.unwrap_or_default();
        ChildSnapshot {
            tree: self.pid().and_then(snapshot_of).map(Box::new),
            id: self.spec.id,
            kind: self.spec.kind,
            module: self.spec.module,
            status: self.status,
            name,
            mailbox,
            restarts: self.restarts,
            previous: self.previous,
        }
    }
}
