//! Links and monitors.

use super::current::{self, Current};
use super::delivery::send_signal;
use super::signal::Signal;
use super::state::{Answer, Link};
use crate::ExitReason;
use crate::message::Message;
use crate::node::node;
use crate::pid::{MonitorRef, Pid, Ref};
use crate::trace::{self, Kind};

/// The message that an exit signal becomes in a process that traps exits.
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// The process that ended, or that called [`process::exit`](crate::process::exit).
    pub from: Pid,
    /// Why.
    pub reason: ExitReason,
}

/// The message that tells a watcher that the watched process ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    /// Which monitor reports.
    pub monitor: MonitorRef,
    /// The process that ended.
    pub pid: Pid,
    /// Why; [`NoProc`](ExitReason::NoProc) when it was not alive to begin with.
    pub reason: ExitReason,
}

/// Links the calling process and another one.
///
/// A link goes both ways, and there is at most one between two processes. When one of them ends with a reason other
/// than [`Normal`](ExitReason::Normal), the other ends with it, unless it traps exits: then it gets an [`Exit`].
/// Linking to a dead process has the effect of its death, with reason [`NoProc`](ExitReason::NoProc).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let (worker, _) = spawn_monitor(process::sleep(secs(3600)));
/// spawn_monitor(async move {
///     process::link(worker);
///     exit("boom")
/// });
/// for _ in 0..2 {
///     receive! { Down { reason, .. } => assert_eq!(reason, ExitReason::from("boom")) }
/// }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn link(pid: impl Into<Pid>) {
    let process = current::expect("process::link");
    let pid = pid.into();
    if pid == process.pid {
        return;
    }
    let before = process.record.lock().relations_mut().links.insert(pid, Link::Active);
    if before != Some(Link::Active) {
        if trace::is_on() {
            trace::related(Kind::Link, process.pid, pid);
        }
        send_signal(pid, Signal::Link { from: process.pid });
    }
}

/// Removes the link between the calling process and another one. Without a link it does nothing.
///
/// OTP: "Once `unlink` has returned, it is guaranteed that the link has no effect on the caller in the future."
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let child = spawn_link(process::sleep(secs(3600)));
/// process::unlink(child);
/// process::exit(child, ExitReason::Kill); // and the caller lives on
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn unlink(pid: impl Into<Pid>) {
    let process = current::expect("process::unlink");
    let pid = pid.into();
    let id = node().new_ref();
    let active = process.record.update(process.pid, |state| {
        let link = state
            .relations_mut()
            .links
            .get_mut(&pid)
            .filter(|link| **link == Link::Active);
        link.map(|link| *link = Link::Unlinking(id)).is_some()
    });
    if active == Some(true) {
        if trace::is_on() {
            trace::related(Kind::Unlink, process.pid, pid);
        }
        send_signal(pid, Signal::Unlink { from: process.pid, id });
    }
}

/// Watches a process: one [`Down`] message comes when it ends, at once if it is not alive.
///
/// Monitors are one-way and add up: each call makes a new one.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let pid = spawn(async { exit("done") });
/// let watched = process::monitor(pid);
/// receive! {
///     Down { monitor, pid: who, reason } if monitor == watched => {
///         assert_eq!(who, pid);
///         assert!(reason == ExitReason::from("done") || reason == ExitReason::NoProc);
///     }
/// }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn monitor(pid: impl Into<Pid>) -> MonitorRef {
    let process = current::expect("process::monitor");
    let monitor = node().new_ref();
    watch(&process, pid.into(), monitor);
    MonitorRef(monitor)
}

/// Has `process` watch `pid` under a reference that is new.
pub(super) fn watch(process: &Current, pid: Pid, monitor: Ref) {
    if trace::is_on() {
        trace::related(Kind::Monitor, process.pid, pid);
    }
    process.record.lock().relations_mut().monitors.insert(monitor, pid);
    let from = process.pid;
    send_signal(pid, Signal::Monitor { from, monitor });
}

/// Takes a monitor back. A [`Down`] that has arrived stays in the mailbox; see [`demonitor_flush`].
///
/// Returns whether the monitor was there: `false` when its `Down` has arrived, or when another process made it.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let (child, watched) = spawn_monitor(process::sleep(secs(3600)));
/// assert!(process::demonitor(watched));
/// process::exit(child, ExitReason::Kill);
/// receive! {
///     Down { .. } => unreachable!("nobody watches"),
///     after ms(10) => (),
/// }
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn demonitor(monitor: MonitorRef) -> bool {
    let process = current::expect("process::demonitor");
    let mut state = process.record.lock();
    let relations = state.relations_mut();
    let watched = relations.monitors.remove(&monitor.0);
    if let Some(Answer::Alias(ends)) = relations.calls.get(&monitor.0)
        && ends.with_monitor
    {
        relations.calls.remove(&monitor.0);
    }
    drop(state);
    if let Some(pid) = watched {
        if trace::is_on() {
            trace::related(Kind::Demonitor, process.pid, pid);
        }
        send_signal(pid, Signal::Demonitor { monitor: monitor.0 });
    }
    watched.is_some()
}

/// Takes a monitor back, and its [`Down`] out of the mailbox if it has arrived: afterwards there is none, and none comes.
///
/// Returns whether the monitor was there, as [`demonitor`].
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let (child, watched) = spawn_monitor(async {});
/// while process::is_alive(child) {
///     process::sleep(ms(0)).await;
/// }
/// process::demonitor_flush(watched);
/// assert_eq!(process::flush().len(), 0);
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn demonitor_flush(monitor: MonitorRef) -> bool {
    let process = current::expect("process::demonitor_flush");
    let watched = demonitor(monitor);
    let is_down = |message: &Message| {
        let down: Option<&Down> = message.downcast_ref();
        down.is_some_and(|down| down.monitor == monitor)
    };
    let down = process.record.update(process.pid, |state| state.inbox.extract(is_down));
    drop(down);
    watched
}
