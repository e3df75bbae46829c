//! What can be seen of a supervision tree from outside, without asking its processes.

use super::child_spec::{ChildKind, ChildSpec};
use super::strategy::{Intensity, Strategy};
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
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

/// What a supervisor lets others see. It changes it in one step, after each change of its own.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<View>);

#[derive(Clone, Debug)]
pub(crate) struct View {
    strategy: Strategy,
    pub(crate) intensity: Intensity,
    children: Children,
}

/// The children that others see.
#[derive(Clone, Debug)]
enum Children {
    /// In the order in which they are started.
    Listed(Vec<ChildView>),
    /// By the process that each is, or was.
    Dynamic(BTreeMap<Pid, ChildView>),
}

#[derive(Clone, Debug)]
pub(crate) struct ChildView {
    id: Name,
    kind: ChildKind,
    module: Option<Name>,
    status: ChildStatus,
    restarts: u32,
    previous: Option<Pid>,
}

impl View {
    pub(super) fn listed(strategy: Strategy, intensity: Intensity, children: Vec<ChildView>) -> View {
        View {
            strategy,
            intensity,
            children: Children::Listed(children),
        }
    }

    pub(crate) fn dynamic(strategy: Strategy, intensity: Intensity) -> View {
        View {
            strategy,
            intensity,
            children: Children::Dynamic(BTreeMap::new()),
        }
    }

    /// Shows a child of a dynamic supervisor.
    pub(crate) fn put(&mut self, pid: Pid, child: ChildView) {
        if let Children::Dynamic(children) = &mut self.children {
            children.insert(pid, child);
        }
    }

    /// Shows it no more.
    pub(crate) fn remove(&mut self, pid: Pid) {
        if let Children::Dynamic(children) = &mut self.children {
            children.remove(&pid);
        }
    }
}

impl Shared {
    pub(crate) fn new(view: View) -> Arc<Shared> {
        Arc::new(Shared(Mutex::new(view)))
    }

    /// How many children are listed.
    pub(crate) fn count(&self) -> usize {
        match &self.0.lock().children {
            Children::Listed(children) => children.len(),
            Children::Dynamic(children) => children.len(),
        }
    }

    /// The process of the listed child at `place`, if it runs.
    pub(crate) fn running(&self, place: usize) -> Option<Pid> {
        let view = self.0.lock();
        let Children::Listed(children) = &view.children else {
            return None;
        };
        match children.get(place)?.status {
            ChildStatus::Running(pid) => Some(pid),
            ChildStatus::Restarting | ChildStatus::NotStarted => None,
        }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.0.lock());
    }
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
    let mut view = shared.0.lock().clone();
    let now = Instant::now();
    Some(Snapshot {
        pid: supervisor,
        name,
        strategy: view.strategy,
        max_restarts: view.intensity.max,
        max_seconds: view.intensity.period,
        restarts_in_window: view.intensity.within(now) as u32,
        mailbox,
        children: match view.children {
            Children::Listed(children) => children.into_iter().map(ChildView::snapshot).collect(),
            Children::Dynamic(children) => children.into_values().map(ChildView::snapshot).collect(),
        },
    })
}

impl ChildView {
    pub(crate) fn of(spec: &ChildSpec, status: ChildStatus, restarts: u32, previous: Option<Pid>) -> ChildView {
        ChildView {
            id: spec.id.clone(),
            kind: spec.kind,
            module: spec.module.clone(),
            status,
            restarts,
            previous,
        }
    }

    fn snapshot(self) -> ChildSnapshot {
        let seen = match self.status {
            ChildStatus::Running(pid) => node()
                .table
                .get(pid)
                .and_then(|record| record.update(pid, |state| (state.name().cloned(), state.inbox.len()))),
            ChildStatus::Restarting | ChildStatus::NotStarted => None,
        };
        let (name, mailbox) = seen.unwrap_or_default();
        let tree = match self.status {
            ChildStatus::Running(pid) => snapshot_of(pid).map(Box::new),
            ChildStatus::Restarting | ChildStatus::NotStarted => None,
        };
        ChildSnapshot {
            id: self.id,
            kind: self.kind,
            module: self.module,
            status: self.status,
            name,
            mailbox,
            restarts: self.restarts,
            previous: self.previous,
            tree,
        }
    }
}
