//! What can be seen of a supervision tree from outside, without asking its processes.
//!
//! # One moment
//! The list of children of one supervisor is read under its lock. A tree has many such lists, which are read one after the
//! other, each with the number of its changes. When no number has changed at the end, then all that was read was true
//! at one moment, between the last reading and the first look back; otherwise it is read again.

use super::child_spec::{ChildKind, ChildSpec};
use super::children::{Kept, Shared};
use super::strategy::Strategy;
use crate::ets;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::process::state::Link;
use crate::reason::ExitReason;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A supervisor and its children, as they are at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The supervisor.
    pub pid: Pid,
    /// Its name, if it is registered.
    pub name: Option<Name>,
    /// What it calls itself, if it does.
    pub label: Option<Name>,
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
    /// The processes linked to it.
    pub links: Vec<Pid>,
    /// The tables that it owns.
    pub tables: Vec<ets::Info>,
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
    /// What it calls itself, if it does.
    pub label: Option<Name>,
    /// How many messages wait in its mailbox.
    pub mailbox: usize,
    /// The processes linked to it.
    pub links: Vec<Pid>,
    /// The tables that it owns.
    pub tables: Vec<ets::Info>,
    /// How often it was restarted.
    pub restarts: u32,
    /// The process that it was before it ended last.
    pub previous: Option<Pid>,
    /// How it came to that end.
    pub ended: Option<ChildEnd>,
    /// Its own children, if it is a supervisor that runs.
    pub tree: Option<Box<Snapshot>>,
}

/// Whether a child runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildStatus {
    /// As this process.
    Running(Pid),
    /// It was this process, which has ended; the supervisor has yet to hear of it, for it is busy or suspended.
    Ended(Pid),
    /// It ended, and is about to be started again.
    Restarting,
    /// It ended, and stays so.
    NotStarted,
}

/// How the process of a child came to its end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChildEnd {
    /// It ended by itself, or somebody ended it, for this reason.
    ByItself(ExitReason),
    /// Its supervisor stopped it on account of this child, which had to be restarted: so the strategy says.
    With(Name),
    /// Its supervisor stopped it because it was asked to.
    Stopped,
}

/// The tree under a supervisor, as it is now; `None` when the process is not alive, or not a supervisor.
///
/// It asks nobody, so it works also on a supervisor that is busy or suspended. Children may end and be restarted
/// meanwhile: the tree is what it was at one moment, all of it, unless it changes without a pause; then parts of it may be
/// some microseconds apart.
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
    let supervisor = supervisor.into();
    let mut tries = 0;
    loop {
        tries += 1;
        let mut reading = Reading::default();
        let snapshot = reading.tree(supervisor)?;
        if reading.is_true_now() || tries == MOST_TRIES {
            return Some(snapshot);
        }
    }
}

/// Each costs as much as a snapshot.
const MOST_TRIES: usize = 4;

/// Like [`snapshot`]. `onlooker` is notified when something becomes of any child in it.
pub(crate) fn watched(supervisor: Pid, onlooker: &Arc<Notify>) -> Option<Snapshot> {
    loop {
        let mut reading = Reading::default();
        let snapshot = reading.tree(supervisor)?;
        // What is new may have changed before it was watched.
        let new = reading.lists.iter().filter(|(list, _)| list.tell(onlooker)).count();
        if new == 0 {
            return Some(snapshot);
        }
    }
}

/// What is known of the children of a supervisor, also when it has ended.
pub(crate) fn listed(list: &Shared) -> Vec<ChildSnapshot> {
    list.view(|view| view.children.iter().map(Kept::listed).collect())
}

/// The lists of children that were read, each with the number of its changes.
#[derive(Default)]
struct Reading {
    lists: Vec<(Arc<Shared>, u64)>,
}

/// What a process itself shows.
#[derive(Default)]
struct Looks {
    name: Option<Name>,
    label: Option<Name>,
    mailbox: usize,
    links: Vec<Pid>,
    tables: Vec<ets::Info>,
    list: Option<Arc<Shared>>,
}

impl Reading {
    fn is_true_now(&self) -> bool {
        let unchanged = |(list, changes): &(Arc<Shared>, u64)| list.view(|view| view.children.changes == *changes);
        self.lists.iter().all(unchanged)
    }

    fn tree(&mut self, supervisor: Pid) -> Option<Snapshot> {
        let mut looks = looks(supervisor)?;
        let list = looks.list.take()?;
        Some(self.below(supervisor, list, looks))
    }

    fn below(&mut self, supervisor: Pid, list: Arc<Shared>, looks: Looks) -> Snapshot {
        let now = Instant::now();
        let (mut snapshot, children, changes) = list.view(|view| {
            let snapshot = Snapshot {
                pid: supervisor,
                name: looks.name,
                label: looks.label,
                strategy: view.strategy,
                max_restarts: view.intensity.max,
                max_seconds: view.intensity.period,
                restarts_in_window: view.intensity.within(now) as u32,
                mailbox: looks.mailbox,
                links: looks.links,
                tables: looks.tables,
                children: Vec::new(),
            };
            let children: Vec<ChildSnapshot> = view.children.iter().map(Kept::listed).collect();
            (snapshot, children, view.children.changes)
        });
        self.lists.push((list, changes));
        snapshot.children = children.into_iter().map(|child| self.child(child)).collect();
        snapshot
    }

    /// Adds what the process of a child shows to what its supervisor knows of it.
    fn child(&mut self, listed: ChildSnapshot) -> ChildSnapshot {
        let ChildStatus::Running(pid) = listed.status else {
            return listed;
        };
        let Some(mut looks) = looks(pid) else {
            return ChildSnapshot {
                status: ChildStatus::Ended(pid),
                ..listed
            };
        };
        let list = looks.list.take();
        ChildSnapshot {
            name: looks.name.clone(),
            label: looks.label.clone(),
            mailbox: looks.mailbox,
            links: looks.links.clone(),
            tables: looks.tables.clone(),
            tree: list.map(|list| Box::new(self.below(pid, list, looks))),
            ..listed
        }
    }
}

/// Looks at a process; `None` when it is not alive.
fn looks(pid: Pid) -> Option<Looks> {
    let (mut looks, tables) = node().table.get(pid)?.update(pid, |state| {
        let links = state
            .relations()
            .into_iter()
            .flat_map(|relations| relations.links.iter());
        let active = links.filter(|(_, link)| **link == Link::Active);
        let looks = Looks {
            mailbox: state.inbox.len(),
            links: active.map(|(pid, _)| *pid).collect(),
            ..Looks::default()
        };
        let Some(extras) = state.extras() else {
            return (looks, Vec::new());
        };
        let looks = Looks {
            name: extras.name.clone(),
            label: extras.label.clone(),
            list: extras.supervisor.clone(),
            ..looks
        };
        (looks, extras.tables.values().cloned().collect())
    })?;
    // Not under the lock: tables have locks of their own.
    looks.tables = tables.iter().filter_map(|table| ets::Info::of(&**table)).collect();
    Some(looks)
}

impl Kept {
    /// What the supervisor knows of the child.
    fn listed(&self) -> ChildSnapshot {
        let ChildSpec { id, kind, module, .. } = &self.spec;
        ChildSnapshot {
            id: id.clone(),
            kind: *kind,
            module: module.clone(),
            status: self.status,
            name: None,
            label: None,
            mailbox: 0,
            links: Vec::new(),
            tables: Vec::new(),
            restarts: self.restarts,
            previous: self.previous,
            ended: self.ended.clone(),
            tree: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reading;
    use crate::prelude::*;

    #[test]
    fn what_was_read_is_not_one_moment_when_a_list_has_changed_since() {
        crate::run(async {
            let idle = |id: &'static str| ChildSpec::new(id, || async { Ok(spawn_link(std::future::pending::<()>())) });
            let inner = move || Supervisor::new(Strategy::OneForOne).child(idle("leaf").name("leaf of a reading"));
            let sup = Supervisor::new(Strategy::OneForOne).child(ChildSpec::supervisor("inner", inner));
            let sup = sup.start_link().await.unwrap();

            let mut reading = Reading::default();
            let tree = reading.tree(sup.pid()).unwrap();
            assert!(reading.is_true_now());
            let supervisor::ChildStatus::Running(inner) = tree.children[0].status else {
                panic!("{tree:?}");
            };
            supervisor::terminate_child(inner, "leaf").await.unwrap();
            assert!(!reading.is_true_now());
            assert!(reading.tree(me()).is_none());
        });
    }
}
