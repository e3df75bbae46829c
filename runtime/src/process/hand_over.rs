//! Running a process on the thread that has woken it.
//!
//! Whoever sends a message to a process that waits mostly waits itself soon after. To have tokio run the receiver then
//! costs more than all the rest. So while a [train](super::train) takes a step of a process, those that are woken on its
//! thread board the *lane* of the thread, and the train goes on with them when the step is done. The same is done with
//! processes that are spawned.
//!
//! This takes nothing from others:
//! - All that happens in one poll of a train is paid from one budget of tokio's, and ends after [`MOST`] steps. Who is left
//!   then goes to the end of tokio's queue with the train.
//! - When the lane is full, all on it go on another train, which any thread may take.
//! - Where steps take longer than it takes to wake another thread, half of the rest go on another train, again and again.
//! - While one step takes long, because it computes or blocks its thread, [`rescue`](super::rescue) sends all the rest, apart.
//!
//! # Invariants
//! 1. Only the thread of a lane puts records into its slots, and only into those between `tail` and `head` + [`ROOM`],
//!    which are empty. Whoever swaps a record out of a slot has to run it, or have it run.
//! 2. Those on a lane are of the runtime that polls the train. The lane is empty between two polls.

use super::body::{Step, step};
use super::priority::Priority;
use super::record::Record;
use super::rescue;
use super::train::{Home, Line, send, send_alone};
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::cell::Cell;
use std::iter::from_fn;
use std::ptr;
use std::time::{Duration, Instant};
use tokio::task::coop;

/// How many can wait on a lane.
const ROOM: u32 = if cfg!(all(test, crabtree_loom)) { 2 } else { 128 };
/// How many steps are taken in one poll.
const MOST: u32 = 256;
/// Processes whose steps take longer than this, on the average, are better off on several threads.
const LONG: Duration = Duration::from_micros(1);
/// What a first look at the clock may find without that being so.
const TOLERANCE: Duration = Duration::from_micros(4);

/// Where those wait that a thread runs next.
pub(super) struct Lane<T: 'static = Record> {
    /// Odd while a poll is under way in which somebody boarded. Written by the thread of the lane only.
    pub(super) epoch: AtomicU32,
    /// The slots before this one are empty. Written by the thread of the lane only.
    head: AtomicU32,
    /// As are those from this one on. Written by the thread of the lane only.
    tail: AtomicU32,
    slots: [AtomicPtr<T>; ROOM as usize],
}

impl<T> Lane<T> {
    pub(super) fn new() -> Lane<T> {
        Lane {
            epoch: AtomicU32::new(0),
            head: AtomicU32::new(0),
            tail: AtomicU32::new(0),
            slots: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }

    fn slot(&self, number: u32) -> &AtomicPtr<T> {
        &self.slots[(number % ROOM) as usize]
    }

    fn len(&self) -> u32 {
        let (head, tail) = (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed));
        tail.wrapping_sub(head)
    }

    /// For the thread of the lane; `false` when there is no room.
    fn board(&self, one: &'static T) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        if self.len() == ROOM {
            return false;
        }
        // A swap, as those that take are: of two, one sees the other.
        self.slot(tail).swap(ptr::from_ref(one).cast_mut(), Ordering::AcqRel);
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        true
    }

    fn take(&self, number: u32) -> Option<&'static T> {
        let one = self.slot(number).swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: what is not null came from the `&'static` of `board`.
        unsafe { one.as_ref() }
    }

    /// The next one. For the thread of the lane.
    fn next(&self) -> Option<&'static T> {
        while self.len() > 0 {
            let head = self.head.load(Ordering::Relaxed);
            let one = self.take(head);
            self.head.store(head.wrapping_add(1), Ordering::Relaxed);
            if one.is_some() {
                return one;
            }
        }
        None
    }

    /// All that wait there, as far as they are seen. For any thread.
    pub(super) fn rescue(&self) -> impl Iterator<Item = &'static T> {
        let (head, tail) = (self.head.load(Ordering::Acquire), self.tail.load(Ordering::Acquire));
        let len = tail.wrapping_sub(head).min(ROOM);
        (0..len).filter_map(move |ahead| self.take(head.wrapping_add(ahead)))
    }
}

struct Host {
    lane: Cell<Option<&'static Lane>>,
    /// The runtime for which the thread polls a train just now.
    home: Cell<Home>,
}

thread_local! {
    static HOST: Host = const {
        Host {
            lane: Cell::new(None),
            home: Cell::new(Home::NONE),
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
fn depart(lane: &Lane, home: Home) {
    send(home, &mut from_fn(|| lane.next()));
}

impl Host {
    fn board(&self, lane: &'static Lane, record: &'static Record) {
        let epoch = lane.epoch.load(Ordering::Relaxed);
        let home = self.home.get();
        if epoch & 1 == 0 && home.has_threads() {
            lane.epoch.store(epoch.wrapping_add(1), Ordering::Relaxed);
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
    lane: &'static Lane,
    home: Home,
    outer: Home,
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
            if outer != Home::NONE {
                // A step within a step: that takes long.
                depart(lane, outer);
            }
            Some(Hosting { lane, home, outer })
        })
    }

    fn board(&self, record: &'static Record) {
        HOST.with(|host| host.board(self.lane, record));
    }

    /// Runs those, and those whom they wake, for as long as others can wait for that. Whoever is to wait for others is in the
    /// line then.
    pub(super) fn run(self, line: &mut Line) {
        line.drain(..).for_each(|record| self.board(record));
        let mut steps = 0_u32;
        // When somebody was first seen to wait, and after how many steps.
        let mut since = None;
        while steps < MOST && coop::has_budget_remaining() {
            let Some(record) = self.lane.next() else { break };
            let others_wait = self.lane.len() > 0;
            let began = match since {
                Some(began) if others_wait => Some(began),
                _ => others_wait.then(|| (Instant::now(), steps)),
            };
            since = began;
            match step(record, self.home) {
                Step::Done => {}
                Step::Again => self.board(record),
                Step::Later => line.push(record),
            }
            steps += 1;
            if let Some((began, before)) = began
                && let taken = steps - before
                && (taken.is_power_of_two() || taken.is_multiple_of(16))
                && began.elapsed() > TOLERANCE + LONG * taken
            {
                let half = self.lane.len().div_ceil(2);
                send(self.home, &mut from_fn(|| self.lane.next()).take(half as usize));
            }
        }
    }
}

impl Drop for Hosting {
    fn drop(&mut self) {
        depart(self.lane, self.home);
        let epoch = self.lane.epoch.load(Ordering::Relaxed);
        // Even again.
        (self.lane.epoch).store(epoch.wrapping_add(epoch & 1), Ordering::Relaxed);
        HOST.with(|host| host.home.set(self.outer));
    }
}

/// The lane is somebody else's from now on: the thread ends.
pub(super) fn leave() {
    HOST.with(|host| host.lane.set(None));
}

#[cfg(all(test, crabtree_loom))]
mod model {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    #[test]
    fn each_who_boards_is_taken_once() {
        loom::model(|| {
            let lane = Arc::new(Lane::<u8>::new());
            let taken = Arc::new(AtomicUsize::new(0));
            let rescue = {
                let (lane, taken) = (lane.clone(), taken.clone());
                thread::spawn(move || {
                    let rescued = lane.rescue().count();
                    taken.fetch_add(rescued, Ordering::Relaxed);
                })
            };
            let mut boarded = 0;
            for _ in 0..3 {
                boarded += usize::from(lane.board(&7));
                if boarded == 2 {
                    taken.fetch_add(usize::from(lane.next().is_some()), Ordering::Relaxed);
                }
            }
            rescue.join().unwrap();
            while lane.next().is_some() {
                taken.fetch_add(1, Ordering::Relaxed);
            }
            assert_eq!(taken.load(Ordering::Relaxed), boarded);
        });
    }
}
