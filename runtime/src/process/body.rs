//! The future of a process in its record, and the steps that it takes.

use super::claim::{Left, Told};
use super::current::{self, Current, How, within};
use super::priority::{self, Priority};
use super::record::Record;
use super::task::{self, Body, End};
use super::train::Home;
use super::{hand_over, train};
use crate::ExitReason;
use crate::node::node;
use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// Where a record keeps the future of its process.
#[derive(Default)]
pub(super) struct BodyCell(UnsafeCell<Option<Body>>);

// SAFETY: only who has the [claim](super::claim) looks at the body, and bodies are `Send`.
unsafe impl Sync for BodyCell {}

/// The bytes of the future of a process, or [`NO_BODY`]. It stands beside the [`BodyCell`] so that none are lost between
/// the two.
pub(super) struct BodySize(AtomicU32);

/// The size of the future of a process that is polled by somebody else.
const NO_BODY: u32 = u32::MAX;

impl BodySize {
    pub(super) fn none() -> BodySize {
        BodySize(AtomicU32::new(NO_BODY))
    }

    /// `None` when somebody else polls the process.
    pub(super) fn get(&self) -> Option<usize> {
        let size = self.0.load(Ordering::Relaxed);
        (size != NO_BODY).then_some(size as usize)
    }

    /// Says what the body is from now on.
    pub(super) fn set(&self, body: &Body) {
        self.0.store(size_of_val(&**body) as u32, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.0.store(NO_BODY, Ordering::Relaxed);
    }
}

/// Runs a process that has begun, whose future is `body`.
pub(super) fn run(record: &'static Record, body: Body) {
    record.body_size.set(&body);
    // SAFETY: the claim says that there is no process, so it is the caller's, who begins one.
    unsafe { *record.body.0.get() = Some(body) };
    let home = train::home();
    record.set_home(home);
    let high = record.priority() == Priority::High;
    if high {
        train::high_waits(home);
    }
    record.claim.begin(high);
    hand_over::put(record, home);
}

/// There is news for the process: it takes a step. `false` when somebody else polls it.
#[inline]
pub(super) fn wake(record: &'static Record) -> bool {
    let high = record.priority() == Priority::High;
    match record.claim.tell(high) {
        Told::Queued => {
            let home = record.home();
            if high {
                train::high_waits(home);
            }
            hand_over::put(record, home);
            true
        }
        Told::Noted => true,
        Told::Nobody => false,
    }
}

/// What came of a step.
pub(super) enum Step {
    Done,
    /// There is another one to take.
    Again,
    /// There is one to take when others have had their turn.
    Later,
}

/// Takes a step of a process that is queued, on a thread of its runtime.
pub(super) fn step(record: &'static Record, home: Home) -> Step {
    let priority = record.priority();
    if !priority::has_come(priority, &record.given_way, home) {
        return Step::Later;
    }
    let taken = record.claim.take();
    if taken.high {
        train::high_goes(home);
    }
    if taken.gone {
        return end(record, End::of(ExitReason::Killed));
    }
    let waker = waker(record);
    // SAFETY: the claim is taken, and the reference is gone after this step.
    let stepped = match unsafe { &mut *record.body.0.get() } {
        Some(body) => {
            let process = Current::of(record);
            let step = || task::step(process, body, &mut Context::from_waker(&waker));
            // SAFETY: the claim is given back below.
            unsafe { within(How::Task, process, &waker, step) }
        }
        None => Poll::Ready(End::of(ExitReason::Normal)),
    };
    if let Poll::Ready(reason) = stepped {
        return end(record, reason);
    }
    let high = record.priority() == Priority::High;
    match record.claim.leave(high) {
        Left::Quiet => Step::Done,
        Left::Queued { yields } => {
            if high {
                train::high_waits(home);
            }
            match record.priority() {
                Priority::Normal if !yields => Step::Again,
                _ => Step::Later,
            }
        }
        Left::Gone => end(record, End::of(ExitReason::Killed)),
    }
}

/// Ends a process whose claim the caller has taken.
fn end(record: &'static Record, end: End) -> Step {
    record.body_size.clear();
    // SAFETY: the caller has taken the claim, and no step holds a reference any more.
    let body = unsafe { (*record.body.0.get()).take() };
    let process = Current::of(record);
    let put_down = || {
        let reason = task::put_down(body, end);
        let remains = record.close(process.pid, &reason);
        (reason, remains)
    };
    // SAFETY: the caller has taken the claim, and it is given back below.
    let (reason, remains) = unsafe { within(How::End, process, Waker::noop(), put_down) };
    record.wind_up(process.pid, reason, remains);
    record.set_home(Home::NONE);
    record.claim.reset();
    node().table.release(process.pid);
    Step::Done
}

/// Ends a process that is queued, and stands in no place any more: its runtime is gone.
pub(super) fn kill_queued(record: &'static Record) {
    if record.claim.take().high {
        train::high_goes(record.home());
    }
    end(record, End::of(ExitReason::Killed));
}

/// Ends a process whose runtime is gone. If somebody runs it, or is about to, they do that.
///
/// The record was seen to be of that runtime: it still is, for numbers lie idle before they are used again.
pub(super) fn abandon(record: &'static Record) {
    if record.claim.abandon() {
        end(record, End::of(ExitReason::Killed));
    }
}

/// What wakes the process that the record is of, for as long as the program runs.
fn waker(record: &'static Record) -> ManuallyDrop<Waker> {
    // SAFETY: the functions of the table do with a `&'static Record` what they are for, from any thread; and there is
    // nothing to be counted.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw(ptr::from_ref(record).cast())) })
}

static TABLE: RawWakerVTable = RawWakerVTable::new(raw, wake_raw, wake_raw, |_| ());

fn raw(record: *const ()) -> RawWaker {
    RawWaker::new(record, &TABLE)
}

/// # Safety
/// It comes from a [`waker`].
unsafe fn wake_raw(record: *const ()) {
    // SAFETY: that was made of a `&'static Record`.
    let record: &'static Record = unsafe { &*record.cast() };
    match current::steps(record) {
        true => record.claim.give_way(),
        false => record.wake(),
    }
}
