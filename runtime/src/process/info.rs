//! What can be seen of a process from outside.

use super::origin::Place;
use super::priority::Priority;
use super::record::Showing;
use super::state::{Answer, Link};
use crate::message::Message;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A snapshot of a process, as [`info`] takes it.
///
/// Its fields are those of OTP's `process_info`; sizes are counts unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The process.
    pub pid: Pid,
    /// Its name, if it is registered.
    pub registered_name: Option<Name>,
    /// What it calls itself, if it does: see [`set_label`](super::set_label).
    pub label: Option<Name>,
    /// Whether it runs or waits.
    pub status: Status,
    /// While it runs, for how long it has not awaited. That is counted from where the [watchdog](super::watchdog()) saw
    /// it first, so it is too short by up to a quarter of the watchdog's time.
    pub running_for: Option<Duration>,
    /// How many messages wait in its mailbox.
    pub message_queue_len: usize,
    /// The messages, oldest first, as `Debug` shows them.
    pub messages: Vec<Shown>,
    /// The processes linked to it.
    pub links: Vec<Pid>,
    /// The processes that it watches.
    pub monitors: Vec<Pid>,
    /// The processes that watch it.
    pub monitored_by: Vec<Pid>,
    /// Whether exit signals reach it as messages.
    pub trap_exit: bool,
    /// Its dictionary, values as `Debug` shows them.
    pub dictionary: Vec<(Name, Shown)>,
    /// Where its output goes.
    pub group_leader: Pid,
    /// The process that spawned it, if a process did.
    pub parent: Option<Pid>,
    /// Its parent, the parent's parent and so on, as far as they are alive, and the first one that is not.
    pub ancestors: Vec<Pid>,
    /// What it was spawned with: the path of the function whose future it runs, or the type of the server.
    pub initial_call: Cow<'static, str>,
    /// Where it was spawned.
    pub spawned_at: Place,
    /// Where it waits: the `receive!` or the [`sleep`](super::sleep) that it came to last; for an answer, a place in this
    /// crate. `None` while it runs, and when it waits for something else. A [`backtrace`](super::backtrace()) says more.
    pub current_place: Option<Place>,
    /// How many bytes it takes: its record, its future, its mailbox and what it keeps about others. What its values own
    /// beyond their own size is not known.
    pub memory: usize,
    /// Who goes first.
    pub priority: Priority,
    /// How much it has done: one for each time it ran, and one for each message that it received. Turns of a loop that
    /// carries the check for exit signals count as well, by the thousand.
    pub reductions: u64,
}

/// What a process does just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// A thread runs it: it is the one that asks, or it runs beside it.
    Running,
    /// It waits, or its turn has not come.
    Waiting,
}

impl Status {
    pub(super) fn of(running_for: Option<Duration>) -> Status {
        match running_for {
            Some(_) => Status::Running,
            None => Status::Waiting,
        }
    }
}

/// A value as its `Debug` shows it. It prints without the quotes of a string.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(pub String);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Shown {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Shown {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Shows a value. A `Debug` that panics is the value's own fault, and stays with it.
fn shown(value: &Message) -> Shown {
    let text = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| format!("{value:?}")));
    Shown(text.unwrap_or_else(|_| format!("<{}: its Debug panicked>", value.type_name())))
}

/// What can be seen of a process; `None` when it is not alive, or is about to end. Signals that were sent to it before
/// have taken effect.
///
/// Messages and dictionary are shown with their `Debug`; this is a tool for looking, not for deciding. A `Debug` that
/// itself asks about processes may be told that they are not alive.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// send(me(), "ping");
/// let info = process::info(me()).unwrap();
/// assert_eq!(info.messages, ["\"ping\""]);
/// assert_eq!(info.links, []);
/// # });
/// ```
pub fn info(pid: impl Into<Pid>) -> Option<Info> {
    info_of(pid.into())
}

fn info_of(pid: Pid) -> Option<Info> {
    let running_for = node().watchdog.running(pid);
    let record = node().table.get(pid)?;
    let info = record.update(pid, |state| {
        if state.ends() {
            return None;
        }
        let _showing = Showing::begin();
        let relations = state.relations();
        let links = relations.iter().flat_map(|relations| relations.links.iter());
        let watched = relations.iter().flat_map(|relations| {
            let calls = &relations.calls;
            relations
                .monitors
                .iter()
                .filter(|(monitor, _)| matches!(calls.get(monitor), None | Some(Answer::Alias(_))))
        });
        Some(Info {
            pid,
            registered_name: state.name().cloned(),
            label: state.extras().and_then(|extras| extras.label.clone()),
            status: Status::of(running_for),
            running_for,
            message_queue_len: state.inbox.len(),
            messages: state.inbox.iter().map(shown).collect(),
            links: links
                .filter(|(_, link)| **link == Link::Active)
                .map(|(pid, _)| *pid)
                .collect(),
            monitors: watched.map(|(_, pid)| *pid).collect(),
            monitored_by: relations
                .map(|relations| relations.watchers.values().copied().collect())
                .unwrap_or_default(),
            trap_exit: state.trap_exit,
            dictionary: state
                .extras()
                .iter()
                .flat_map(|extras| &extras.dictionary)
                .map(|(key, value)| (key.clone(), shown(value)))
                .collect(),
            group_leader: state.group_leader(),
            parent: state.parent,
            ancestors: Vec::new(),
            initial_call: state.origin.path(),
            spawned_at: state.origin.place,
            current_place: state.waits_at,
            memory: record.memory(state),
            priority: record.priority(),
            reductions: state.reductions,
        })
    });
    // Not under the lock: those are other records.
    info?.map(|info| Info {
        ancestors: ancestors(info.parent),
        ..info
    })
}

/// From `parent` upwards.
fn ancestors(parent: Option<Pid>) -> Vec<Pid> {
    let parent_of = |pid: &Pid| node().table.get(*pid)?.update(*pid, |state| state.parent)?;
    std::iter::successors(parent, parent_of).collect()
}
