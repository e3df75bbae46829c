//! Running a process on the thread that has woken it.
//!
//! Whoever sends a message to a process that waits mostly waits itself soon after. To have tokio run the receiver then
//! costs more than all the rest. So while a [train](super::train) takes a step of a process, those that are woken on its
//! thread board the *lane* of the thread, and the train goes on with them when the step is done. The same is done with
//! processes that are spawned.
//!
//! This takes nothing from others:
//! - One poll of a train ends after [`MOST`] steps or [`MOST_MESSAGES`], unless they took less than a [`SLICE`] of time, or
//!   when tokio's budget is spent. Who is left then goes to the end of tokio's queue with the train.
//! - When the lane is full, all on it go on another train, which any thread may take.
//! - Where steps take longer than it takes to wake another thread, half of the rest go on another train, again and again.
//! - While one step takes long, because it computes or blocks its thread, [`rescue`](super::rescue) sends all the rest, apart.
//!
//! # Invariants
//! 1. Only the thread of a lane lets somebody board. Whoever takes somebody off it has to run them, or have them run.
//! 2. Those on a lane are of the runtime that polls the train. The lane is empty between two polls.

use super::barrier::Barrier;
use super::biased::{Biased, Guard};
use super::body::{Step, step};
use super::current;
use super::priority::Priority;
use super::record::Record;
use super::rescue;
use super::train::{Home, Line, send, send_alone};
use crate::sync::atomic::{AtomicU32, Ordering};
use std::cell::Cell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::task::coop;

/// How many can wait on a lane.
const ROOM: usize = if cfg!(all(test, crabtree_loom)) { 2 } else { 128 };
/// How many steps are taken before a look at the clock says whether the poll goes on.
const MOST: u32 = 256;
/// How many messages are received before that.
const MOST_MESSAGES: u32 = 512;
/// How long a poll goes on for all that. Tokio wakes another thread at the end of each, which takes as long as many messages.
const SLICE: Duration = Duration::from_micros(100);
/// Processes whose steps take longer than this, on the average, are better off on several threads.
const LONG: Duration = Duration::from_micros(1);
/// How many steps are taken together at least for that, where not always somebody waits.
const AT_LEAST: u32 = 16;
/// What a first look at the clock may find without that being so.
const TOLERANCE: Duration = Duration::from_micros(4);

/// Where those wait that a thread runs next. It is the thread's own, but for the rescue.
pub(super) struct Lane<T: 'static = Record> {
    /// Odd while a poll is under way in which somebody boarded. Written by the thread of the lane only.
    pub(super) epoch: AtomicU32,
    waiting: Biased<VecDeque<&'static T>>,
}

/// A lane, for its thread.
pub(super) struct OwnLane<T: 'static = Record> {
    lane: &'static Lane<T>,
    /// Whether there is what [the owner of a lock](super::biased) relies on.
    is_owner: bool,
    _of_thread: PhantomData<*const ()>,
}

impl<T> Clone for OwnLane<T> {
    fn clone(&self) -> OwnLane<T> {
        *self
    }
}

impl<T> Copy for OwnLane<T> {}

impl<T> Lane<T> {
    pub(super) fn new() -> Lane<T> {
        Lane {
            epoch: AtomicU32::new(0),
            waiting: Biased::new(VecDeque::with_capacity(ROOM)),
        }
    }

    /// The lane, for the calling thread.
    ///
    /// # Safety
    /// The lane is no other thread's, for as long as the result or a copy of it is used.
    pub(super) unsafe fn own(&'static self, barrier: &Barrier) -> OwnLane<T> {
        OwnLane {
            lane: self,
            is_owner: barrier.is_there(),
            _of_thread: PhantomData,
        }
    }

    /// All that wait there. For any other thread.
    pub(super) fn rescue(&self) -> Vec<&'static T> {
        self.waiting.lock(|| true).drain(..).collect()
    }
}

impl<T> OwnLane<T> {
    fn lock(&self) -> Guard<'_, VecDeque<&'static T>> {
        match self.is_owner {
            // SAFETY: by `own` the lane is this thread's, which this cannot leave.
            true => unsafe { self.lane.waiting.lock_own() },
            false => self.lane.waiting.lock(|| false),
        }
    }

    /// Returns `false` when there is no room.
    fn board(&self, one: &'static T) -> bool {
        let mut waiting = self.lock();
        let has_room = waiting.len() < ROOM;
        if has_room {
            waiting.push_back(one);
        }
        has_room
    }

    /// Takes off who is next. Gives how many wait behind, too.
    fn next(&self) -> Option<(&'static T, usize)> {
        let mut waiting = self.lock();
        let one = waiting.pop_front()?;
        Some((one, waiting.len()))
    }

    /// Takes off those who wait first: as many as `count` says, of so many.
    fn take(&self, count: impl FnOnce(usize) -> usize) -> Vec<&'static T> {
        let mut waiting = self.lock();
        let count = count(waiting.len());
        waiting.drain(..count).collect()
    }
}

struct Host {
    lane: Cell<Option<OwnLane>>,
    /// The runtime for which the thread polls a train just now.
    home: Cell<Home>,
    /// How many messages may be received yet in this poll.
    budget: Cell<u32>,
}

thread_local! {
    static HOST: Host = const {
        Host {
            lane: Cell::new(None),
            home: Cell::new(Home::NONE),
            budget: Cell::new(0),
        }
    };
}

/// Puts a process of that runtime, which was queued, in a place where it is run.
pub(super) fn put(record: &'static Record, home: Home) {
    HOST.with(|host| {
        let lane = host.lane.get().filter(|_| host.home.get() == home);
        match lane {
            Some(lane) if record.priority() == Priority::Normal => host.board(lane, record),
            _ => send_alone(record),
        }
    });
}

/// The runtime of the train that this thread polls.
#[inline]
pub(crate) fn home() -> Home {
    HOST.with(|host| host.home.get())
}

/// Whether messages may be received yet in the poll of a train that is under way on this thread.
#[inline]
fn has_budget() -> bool {
    HOST.with(|host| host.budget.get() > 0)
}

/// What a process pays from for each message that it receives, so that others have their turn.
pub(super) enum Budget {
    OfTrain,
    OfTokio(coop::RestoreOnPending),
}

impl Budget {
    /// Pending when nothing is left for now: the caller is polled again.
    ///
    /// Processes on a train pay from one budget for each poll of it. Tokio's, which others pay from, has to be looked for.
    #[inline(always)]
    pub(super) fn poll(context: &mut Context<'_>) -> Poll<Budget> {
        // Who blocks on a part of a step polls it with another waker, and again at once.
        let is_of_train = current::is_polled_with(context.waker()) && home() != Home::NONE;
        match is_of_train && has_budget() {
            true => Poll::Ready(Budget::OfTrain),
            false => Budget::poll_others(context, is_of_train),
        }
    }

    #[cold]
    #[inline(never)]
    fn poll_others(context: &mut Context<'_>, is_of_train: bool) -> Poll<Budget> {
        if !is_of_train {
            return coop::poll_proceed(context).map(Budget::OfTokio);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// A message was received.
    #[inline]
    pub(super) fn made_progress(self) {
        match self {
            Budget::OfTrain => HOST.with(|host| host.budget.set(host.budget.get().saturating_sub(1))),
            Budget::OfTokio(budget) => budget.made_progress(),
        }
    }
}

/// Has others run those that wait for the step of this thread: the step may take long.
pub(super) fn make_way() {
    HOST.with(|host| {
        if host.home.get() != Home::NONE
            && let Some(lane) = host.lane.get()
        {
            depart(lane, host.home.get());
        }
    });
}

/// Sends all that wait on another train, if there are any.
fn depart(lane: OwnLane, home: Home) {
    send(home, &mut lane.take(|all| all).into_iter());
}

impl Host {
    fn board(&self, lane: OwnLane, record: &'static Record) {
        let epoch = &lane.lane.epoch;
        let number = epoch.load(Ordering::Relaxed);
        let home = self.home.get();
        if number & 1 == 0 && home.has_threads() {
            epoch.store(number.wrapping_add(1), Ordering::Relaxed);
            rescue::stay_awake();
        }
        if !lane.board(record) {
            // Too many to be kept for one thread.
            depart(lane, home);
            lane.board(record);
        }
    }
}

/// While it lives, the thread runs those whom it wakes.
pub(super) struct Hosting {
    lane: OwnLane,
    home: Home,
    outer: Home,
    outer_budget: u32,
}

impl Hosting {
    /// Begins the poll of a train of that runtime. `None` where the thread can have no lane.
    pub(super) fn begin(home: Home) -> Option<Hosting> {
        HOST.with(|host| {
            let lane = match host.lane.get() {
                Some(lane) => lane,
                None => {
                    let lane = rescue::lane()?;
                    host.lane.set(Some(lane));
                    lane
                }
            };
            let outer = host.home.replace(home);
            let outer_budget = host.budget.replace(MOST_MESSAGES);
            if outer != Home::NONE {
                // A step within a step: that takes long.
                depart(lane, outer);
            }
            Some(Hosting {
                lane,
                home,
                outer,
                outer_budget,
            })
        })
    }

    fn board(&self, record: &'static Record) {
        HOST.with(|host| host.board(self.lane, record));
    }

    /// Runs those, and those whom they wake, for as long as others can wait for that. Whoever is to wait for others is in the
    /// line then.
    pub(super) fn run(self, line: &mut Line) {
        line.drain(..).for_each(|record| self.board(record));
        let (poll_began, mut chunk) = (Instant::now(), 0);
        let mut steps = 0_u32;
        // When somebody was first seen to wait, and after how many steps. Whether somebody still does is of no account for some
        // steps more: to look at the clock anew whenever one begins to wait costs as much as a short step.
        let mut since = None;
        while coop::has_budget_remaining() {
            if chunk == MOST || !has_budget() {
                if poll_began.elapsed() > SLICE {
                    break;
                }
                chunk = 0;
                HOST.with(|host| host.budget.set(MOST_MESSAGES));
            }
            let Some((record, behind)) = self.lane.next() else {
                break;
            };
            let others_wait = behind > 0;
            let began = match since {
                Some((began, before)) if others_wait || steps - before < AT_LEAST => Some((began, before)),
                _ => others_wait.then(|| (Instant::now(), steps)),
            };
            since = began;
            match step(record, self.home) {
                Step::Done => {}
                Step::Again => self.board(record),
                Step::Later => line.push(record),
            }
            (steps, chunk) = (steps + 1, chunk + 1);
            if let Some((began, before)) = began
                && let taken = steps - before
                && (taken.is_power_of_two() || taken.is_multiple_of(16))
                && began.elapsed() > TOLERANCE + LONG * taken
            {
                let half = self.lane.take(|all| all.div_ceil(2));
                send(self.home, &mut half.into_iter());
            }
        }
    }
}

impl Drop for Hosting {
    fn drop(&mut self) {
        depart(self.lane, self.home);
        let epoch = &self.lane.lane.epoch;
        let number = epoch.load(Ordering::Relaxed);
        // Even again.
        epoch.store(number.wrapping_add(number & 1), Ordering::Relaxed);
        HOST.with(|host| {
            host.home.set(self.outer);
            host.budget.set(self.outer_budget);
        });
    }
}

/// The lane is somebody else's from now on: the thread ends.
pub(super) fn leave() {
    HOST.with(|host| host.lane.set(None));
}

#[cfg(all(test, crabtree_loom))]
mod model {
    use super::*;
    use loom::thread;

    #[test]
    fn each_who_boards_is_taken_once() {
        loom::model(|| {
            let lane: &Lane<u8> = Box::leak(Box::new(Lane::new()));
            let rescue = thread::spawn(|| lane.rescue().len());
            // SAFETY: no other thread has it.
            let own = unsafe { lane.own(&Barrier::new()) };
            let (mut boarded, mut taken) = (0, 0);
            for _ in 0..3 {
                boarded += usize::from(own.board(&7));
                if boarded == 2 {
                    taken += usize::from(own.next().is_some());
                }
            }
            taken += own.take(|all| all.div_ceil(2)).len() + own.take(|all| all).len();
            assert_eq!(rescue.join().unwrap() + taken, boarded);
        });
    }
}
