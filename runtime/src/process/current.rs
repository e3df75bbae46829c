//! Which process the thread is running just now.

use super::record::Record;
use super::task::Body;
use super::watchdog::{self, Sitter};
use crate::node::node;
use crate::pid::Pid;
use crate::reason::quietly;
use std::cell::Cell;
use std::ptr;
use std::task::Waker;

/// The process that is being polled on this thread.
#[derive(Clone, Copy)]
pub(crate) struct Current {
    pub(crate) pid: Pid,
    pub(crate) record: &'static Record,
}

impl Current {
    /// The process that has the record now.
    pub(super) fn of(record: &'static Record) -> Current {
        let pid = record.pid();
        Current { pid, record }
    }
}

/// A process that a thread runs, on the stack of [`within`].
struct Polled {
    process: Current,
    /// The waker of the task that polls.
    waker: *const Waker,
    how: How,
    /// Whether the thread is [the owner](super::biased) of the state.
    is_owner: bool,
    /// How many checks the process has passed since it was counted last.
    passed: Cell<u32>,
    /// What it is going to be after this step.
    next: Cell<Option<Body>>,
    /// Within whose step it runs.
    outer: *const Polled,
}

/// What a thread runs a process for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A step of its task.
    Task,
    /// A step that somebody else drives.
    Attached,
    /// What is left to do in its name when it takes no more steps.
    End,
}

thread_local! {
    static POLLED: Cell<*const Polled> = const { Cell::new(ptr::null()) };
}

#[inline]
fn with<R>(read: impl FnOnce(&Polled) -> R) -> Option<R> {
    // SAFETY: the address is known only while `within` runs, on whose stack it is.
    unsafe { POLLED.get().as_ref() }.map(read)
}

/// Whether that is so of the process that the thread runs, if it runs one.
#[inline]
fn is(so: impl FnOnce(&Polled) -> bool) -> bool {
    with(so).unwrap_or(false)
}

/// Runs something as a process. `waker` is that of its task.
///
/// # Safety
/// Unless the process is attached, the thread has taken the claim of its record, and keeps it until this is over.
#[inline]
pub(super) unsafe fn within<R>(how: How, process: Current, waker: &Waker, run: impl FnOnce() -> R) -> R {
    let polled = Polled {
        process,
        waker,
        how,
        is_owner: how != How::Attached && node().barrier.is_there(),
        passed: Cell::new(0),
        next: Cell::new(None),
        outer: POLLED.get(),
    };
    watchdog::sit(polled.sitter());
    POLLED.set(&raw const polled);
    let _leaves = Leaves(&polled);
    run()
}

/// Leaves a process when it is dropped, also by unwinding.
struct Leaves<'a>(&'a Polled);

impl Drop for Leaves<'_> {
    #[inline]
    fn drop(&mut self) {
        let Leaves(polled) = self;
        if let Some(next) = polled.next.take() {
            quietly(|| drop(next));
        }
        POLLED.set(polled.outer);
        watchdog::sit(with(Polled::sitter).unwrap_or(Sitter::NOBODY));
    }
}

impl Polled {
    fn sitter(&self) -> Sitter {
        Sitter::new(self.process.pid, self.how != How::Attached)
    }

    #[inline]
    fn has_waker(&self, waker: &Waker) -> bool {
        // SAFETY: `within` borrows it for as long as the address is known.
        ptr::eq(self.waker, waker) || unsafe { &*self.waker }.will_wake(waker)
    }
}

/// Whether the state of the record is the thread's own.
#[inline]
pub(super) fn owns(record: &Record) -> bool {
    is(|polled| polled.is_owner && ptr::eq(polled.process.record, record))
}

/// Has the running process be something else after this step.
pub(super) fn set_next(next: Body) {
    with(|polled| polled.next.set(Some(next)));
}

/// Takes what it is going to be.
pub(super) fn take_next() -> Option<Body> {
    with(|polled| polled.next.take())?
}

/// Counts a check that the running process passes. Says how many there are now, and which process it is.
#[inline]
pub(super) fn pass() -> Option<(u32, Current)> {
    with(|polled| {
        let passed = polled.passed.get() + 1;
        polled.passed.set(passed);
        (passed, polled.process)
    })
}

/// Begins to count anew. Says how many there were.
pub(super) fn take_passed() -> u32 {
    with(|polled| polled.passed.take()).unwrap_or(0)
}

/// The process on this thread, unless somebody else polls it.
pub(crate) fn task() -> Option<Pid> {
    with(|polled| (polled.how == How::Task).then_some(polled.process.pid))?
}

/// Whether the thread takes a step of a process, which nobody else drives, and `waker` is what that is polled with.
#[inline]
pub(super) fn is_polled_with(waker: &Waker) -> bool {
    is(|polled| polled.how == How::Task && polled.has_waker(waker))
}

/// Whether the thread takes a step of the process that has the record, and of none within that.
pub(super) fn steps(record: &Record) -> bool {
    is(|polled| polled.how == How::Task && ptr::eq(polled.process.record, record))
}

#[inline]
pub(crate) fn get() -> Option<Current> {
    with(|polled| polled.process)
}

/// Whether `waker` is that of the task of the running process, which every signal wakes anyway.
#[inline]
pub(crate) fn is_task_waker(waker: &Waker) -> bool {
    is(|polled| polled.has_waker(waker))
}

/// Whether the thread takes a step of a process, in which an exit signal can stop it.
pub(crate) fn can_be_stopped() -> bool {
    is(|polled| polled.how != How::End)
}

/// Whether the thread runs a process.
pub(crate) fn is_inside() -> bool {
    !POLLED.get().is_null()
}

/// The process that runs the caller.
///
/// # Panics
/// Outside of a process; `what` says what was asked for.
#[track_caller]
pub(crate) fn expect(what: &str) -> Current {
    match get() {
        Some(current) => current,
        None => panic!(
            "{what} was called outside of a process; call it in a cell, in crabtree::run(async {{ … }}), or in what spawn(async {{ … }}) runs"
        ),
    }
}

/// The group leader for what the caller starts or prints.
pub(crate) fn group_leader() -> Pid {
    get()
        .and_then(|current| current.record.update(current.pid, |state| state.group_leader()))
        .unwrap_or(node().user)
}
