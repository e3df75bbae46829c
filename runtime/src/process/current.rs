//! Which process the thread is running just now.

use super::record::Record;
use super::reductions;
use super::watchdog::{self, Sitter};
use crate::node::node;
use crate::pid::Pid;
use std::cell::Cell;
use std::marker::PhantomData;
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

#[derive(Clone, Copy)]
struct Polled {
    process: Current,
    /// The waker of the task that polls.
    waker: *const Waker,
    how: How,
    sitter: Sitter,
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
    static POLLED: Cell<Option<Polled>> = const { Cell::new(None) };
    /// The record whose claim the thread has taken last, and not given back.
    static OWNED: Cell<*const Record> = const { Cell::new(ptr::null()) };
}

/// While it lives, the record is the thread's own: its state is [locked](super::biased) the quick way.
pub(super) struct Owned {
    before: *const Record,
}

impl Owned {
    /// # Safety
    /// The thread has taken the claim of the record, and keeps it for as long as this lives.
    pub(super) unsafe fn begin(record: &Record) -> Owned {
        let own = match node().barrier.is_there() {
            true => ptr::from_ref(record),
            false => ptr::null(),
        };
        Owned {
            before: OWNED.replace(own),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        OWNED.set(self.before);
    }
}

/// Whether the record is the thread's own.
#[inline]
pub(super) fn owns(record: &Record) -> bool {
    ptr::eq(OWNED.get(), record)
}

/// Until it is dropped, the thread runs as that process.
pub(crate) struct Entered<'a> {
    before: Option<Polled>,
    /// The waker is borrowed for as long as its address is known.
    _waker: PhantomData<&'a Waker>,
}

pub(crate) fn enter<'a>(how: How, pid: Pid, record: &'static Record, waker: &'a Waker) -> Entered<'a> {
    reductions::begin_step();
    let sitter = Sitter::new(pid, how != How::Attached);
    watchdog::sit(sitter);
    let polled = Polled {
        process: Current { pid, record },
        waker: ptr::from_ref(waker),
        how,
        sitter,
    };
    Entered {
        before: POLLED.replace(Some(polled)),
        _waker: PhantomData,
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        POLLED.set(self.before);
        watchdog::sit(self.before.map_or(Sitter::NOBODY, |polled| polled.sitter));
    }
}

/// The process on this thread, unless somebody else polls it.
pub(crate) fn task() -> Option<Pid> {
    let polled = POLLED.get().filter(|polled| polled.how == How::Task)?;
    Some(polled.process.pid)
}

/// Whether the thread takes a step of the process that has the record, and of none within that.
pub(super) fn steps(record: &Record) -> bool {
    POLLED
        .get()
        .is_some_and(|polled| polled.how == How::Task && ptr::eq(polled.process.record, record))
}

pub(crate) fn get() -> Option<Current> {
    POLLED.get().map(|polled| polled.process)
}

/// Whether `waker` is that of the task of the running process, which every signal wakes anyway.
pub(crate) fn is_task_waker(waker: &Waker) -> bool {
    POLLED.get().is_some_and(|polled| {
        // SAFETY: the address is known only while `Entered`, which borrows the waker, is alive: `enter` sets it, and the
        // drop of `Entered` takes it back. (An `Entered` is a local variable of the functions that poll.)
        ptr::eq(polled.waker, waker) || unsafe { &*polled.waker }.will_wake(waker)
    })
}

/// Whether the thread takes a step of a process, in which an exit signal can stop it.
pub(crate) fn can_be_stopped() -> bool {
    POLLED.get().is_some_and(|polled| polled.how != How::End)
}

/// Whether the thread runs a process.
pub(crate) fn is_inside() -> bool {
    POLLED.get().is_some()
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
