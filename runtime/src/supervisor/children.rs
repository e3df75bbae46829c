//! The children of a supervisor: a list that the supervisor changes and that others look at.

use super::child_spec::ChildSpec;
use super::snapshot::{ChildEnd, ChildStatus};
use super::strategy::{Intensity, Restart, Strategy};
use crate::hash::Mixing;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// What a supervisor knows, and lets others see. Its lock is never held while a child is started or stopped.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<View>);

#[derive(Debug)]
pub(crate) struct View {
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) children: Children,
    /// How many of the children a partition supervisor uses.
    pub(crate) partitions: Option<usize>,
    /// Those who want to know when something becomes of the children.
    pub(super) onlookers: Vec<Weak<Notify>>,
}

impl Shared {
    pub(super) fn new(view: View) -> Arc<Shared> {
        Arc::new(Shared(Mutex::new(view)))
    }

    /// What the process lets others see, if it is a supervisor.
    pub(crate) fn of(supervisor: Pid) -> Option<Arc<Shared>> {
        let record = node().table.get(supervisor)?;
        record.update(supervisor, |state| state.extras()?.supervisor.clone())?
    }

    pub(crate) fn view<R>(&self, look: impl FnOnce(&mut View) -> R) -> R {
        let mut view = self.0.lock();
        let before = view.children.changes;
        let seen = look(&mut view);
        if view.children.changes != before {
            view.tell_onlookers();
        }
        seen
    }

    /// Has `onlooker` notified whenever something becomes of the children, for as long as somebody keeps it. Says
    /// whether it was not yet.
    pub(crate) fn tell(&self, onlooker: &Arc<Notify>) -> bool {
        self.view(|view| {
            let known = |told: &Weak<Notify>| std::ptr::eq(told.as_ptr(), Arc::as_ptr(onlooker));
            if view.onlookers.iter().any(known) {
                return false;
            }
            view.onlookers.retain(|told| told.strong_count() > 0);
            view.onlookers.push(Arc::downgrade(onlooker));
            true
        })
    }
}

impl View {
    /// The process of the child that was listed as number `place`, if it runs.
    pub(crate) fn running(&self, place: Place) -> Option<Pid> {
        self.children.get(place)?.pid()
    }

    /// Nobody is waited for: a notification that was not taken yet stands for all.
    #[cold]
    fn tell_onlookers(&mut self) {
        self.onlookers.retain(|told| {
            let onlooker = told.upgrade();
            onlooker.inspect(|onlooker| onlooker.notify_one()).is_some()
        });
    }
}

/// Where a child stands in the order of start. It keeps its place while it is listed, and nobody gets it afterwards.
pub(super) type Place = u64;

/// A child in its supervisor's hands.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) spec: ChildSpec,
    pub(super) status: ChildStatus,
    pub(super) restarts: u32,
    pub(super) previous: Option<Pid>,
    /// How the previous one ended.
    pub(super) ended: Option<ChildEnd>,
}

impl Kept {
    pub(super) fn new(spec: ChildSpec, status: ChildStatus) -> Kept {
        Kept {
            spec,
            status,
            restarts: 0,
            previous: None,
            ended: None,
        }
    }

    /// OTP: a temporary child is not started again, so what it was started with is not kept.
    fn forget_start_if_temporary(&mut self) {
        if self.spec.restart == Restart::Temporary {
            self.spec.forget_start();
        }
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        match self.status {
            ChildStatus::Running(pid) | ChildStatus::Ended(pid) => Some(pid),
            ChildStatus::Restarting | ChildStatus::NotStarted => None,
        }
    }
}

/// Children in the order of their start, found by place, by id and by process, each in the same time however many there are.
///
/// # Invariants
/// 1. `pids` has the process of each child that runs, and the last one of each that is about to be restarted.
/// 2. `ids` has each child that was [named](Children::push_named).
#[derive(Debug, Default)]
pub(super) struct Children {
    list: BTreeMap<Place, Kept>,
    ids: HashMap<Name, Place>,
    pids: HashMap<Pid, Place, Mixing>,
    next: Place,
    /// How often anything of this was changed.
    pub(super) changes: u64,
}

impl Children {
    /// Adds a child behind the others, to be found by its process alone.
    pub(super) fn push(&mut self, child: Kept) {
        self.insert(child);
    }

    /// Adds a child that is found by its id as well.
    pub(super) fn push_named(&mut self, child: Kept) {
        let id = child.spec.id.clone();
        let place = self.insert(child);
        self.ids.insert(id, place);
    }

    fn insert(&mut self, mut child: Kept) -> Place {
        if child.pid().is_some() {
            child.forget_start_if_temporary();
        }
        let place = self.next;
        self.next += 1;
        self.changes += 1;
        if let Some(pid) = child.pid() {
            self.pids.insert(pid, place);
        }
        self.list.insert(place, child);
        place
    }

    pub(super) fn remove(&mut self, place: Place) {
        let Some(child) = self.list.remove(&place) else { return };
        self.changes += 1;
        if self.ids.get(&child.spec.id) == Some(&place) {
            self.ids.remove(&child.spec.id);
        }
        for pid in child.pid().into_iter().chain(child.previous) {
            self.pids.remove(&pid);
        }
    }

    /// Says how the child is from now on. The process that it was, if it ran, is its previous one.
    pub(super) fn set(&mut self, place: Place, status: ChildStatus) {
        let Some(child) = self.list.get_mut(&place) else { return };
        self.changes += 1;
        child.previous = child.pid().or(child.previous);
        child.status = status;
        if let (Some(previous), true) = (child.previous, status != ChildStatus::Restarting) {
            self.pids.remove(&previous);
        }
        if let ChildStatus::Running(pid) = status {
            self.pids.insert(pid, place);
            child.forget_start_if_temporary();
        }
    }

    /// Counts a restart.
    pub(super) fn restarted(&mut self, place: Place) {
        if let Some(child) = self.list.get_mut(&place) {
            self.changes += 1;
            child.restarts += 1;
        }
    }

    /// Says how the process of the child came to its end.
    pub(super) fn ended(&mut self, place: Place, end: ChildEnd) {
        if let Some(child) = self.list.get_mut(&place) {
            self.changes += 1;
            child.ended = Some(end);
        }
    }

    pub(super) fn get(&self, place: Place) -> Option<&Kept> {
        self.list.get(&place)
    }

    pub(super) fn of_id(&self, id: &Name) -> Option<Place> {
        self.ids.get(id).copied()
    }

    /// The child that is that process, or is about to be started in its stead.
    pub(super) fn of_pid(&self, pid: Pid) -> Option<Place> {
        self.pids.get(&pid).copied()
    }

    pub(super) fn places(&self, range: RangeInclusive<Place>) -> Vec<Place> {
        self.list.range(range).map(|(place, _)| *place).collect()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Kept> + ExactSizeIterator {
        self.list.values()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

/// All places.
pub(super) const EVERYWHERE: RangeInclusive<Place> = 0..=Place::MAX;
