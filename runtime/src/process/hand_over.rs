//! Running a process on the thread that has woken it.
//!
//! Whoever sends a message to a process that waits mostly waits itself soon after. To have tokio run the receiver then
//! costs more than all the rest. So while a carrier runs its process, those that are woken by messages board the *lane* of
//! the thread. When the step is done they go on together, on a [`Train`]: a task of tokio that comes next on the thread, and
//! runs them as guests, one after the other, and whom they wake. The carrier itself is done, so that others can wake its
//! process, however long a guest takes.
//!
//! This takes nothing from others:
//! - All that happens in one poll of a train is paid from one budget of tokio's, and ends after [`MOST`] steps. Who is left
//!   then goes to the end of tokio's queue, on another train.
//! - Where guests take longer than it takes to wake another thread, the rest is given to tokio, for all threads.
//! - While one step takes long, because it computes or blocks its thread, [`rescue`](super::rescue) gives all that waits
//!   on the lane to tokio.
//!
//! # Invariants
//! 1. Only the thread of a lane puts records into its slots, and only into those between `tail` and `head` + [`ROOM`],
//!    which are empty. Whoever swaps a record out of a slot has to run it, or have it run.
//! 2. Those on a lane are of the runtime that polls the carrier, or the train. The lane is empty between two polls.
//! 3. A train is among the idle ones, or has riders, or is about to become idle or to end.

use super::carrier::{self, Carriers};
use super::priority::{Priority, Turn};
use super::record::Record;
use super::rescue;
use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use parking_lot::Mutex;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::coop;

/// How many can wait on a lane.
const ROOM: u32 = if cfg!(all(test, crabtree_loom)) { 2 } else { 128 };
/// How many steps of guests are taken in one poll.
const MOST: u32 = 256;
/// Guests that take longer than this, on the average, are better off on several threads.
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

/// Which runtime a carrier is of: zero is none, and the lowest bit says whether it has several threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Home(pub(super) u32);

impl Home {
    pub(crate) const NONE: Home = Home(0);

    /// That of a runtime that was given this number, in the order in which they were seen.
    pub(super) fn new(number: u32, flavor: RuntimeFlavor) -> Home {
        Home(number << 1 | u32::from(flavor != RuntimeFlavor::CurrentThread))
    }

    fn has_threads(self) -> bool {
        self.0 & 1 != 0
    }
}

struct Host {
    lane: Cell<Option<&'static Lane>>,
    /// The runtime for which the thread polls a carrier or a train just now.
    home: Cell<Home>,
    /// How many departures of single riders go by before one takes a train.
    pause: Cell<u8>,
}

/// How many single riders are woken by tokio after a train that did not pay.
const PAUSE: u8 = 15;
/// So many steps pay for a train.
const PAYS: u32 = 4;

thread_local! {
    static HOST: Host = const {
        Host {
            lane: Cell::new(None),
            home: Cell::new(Home::NONE),
            pause: Cell::new(0),
        }
    };
}

/// Has the thread run a process that was woken, once the step that it takes is done; `false` when it does not.
pub(super) fn hand_over(record: &'static Record) -> bool {
    HOST.with(|host| {
        let home = host.home.get();
        if home == Home::NONE || record.home() != home || record.priority() != Priority::Normal {
            return false;
        }
        match host.lane.get() {
            Some(lane) => record.claim.tell() || host.board(lane, record),
            None => false,
        }
    })
}

/// Gives those that wait for the step of this thread to tokio: the step may take long.
pub(super) fn make_way() {
    HOST.with(|host| {
        if host.home.get() != Home::NONE
            && let Some(lane) = host.lane.get()
        {
            disperse(lane);
        }
    });
}

fn disperse(lane: &Lane) {
    while let Some(record) = lane.next() {
        record.wake();
    }
}

impl Host {
    /// `true`: there is always room in the end.
    fn board(&self, lane: &'static Lane, record: &'static Record) -> bool {
        let epoch = lane.epoch.load(Ordering::Relaxed);
        if epoch & 1 == 0 && self.home.get().has_threads() {
            lane.epoch.store(epoch.wrapping_add(1), Ordering::Relaxed);
            rescue::stay_awake();
        }
        lane.board(record) || {
            // Too many to be kept for one thread.
            disperse(lane);
            lane.board(record)
        }
    }

    /// Sends all that wait on a train. A single one only where that paid of late: mostly it is woken for less.
    fn depart(&self, lane: &Lane) {
        if lane.len() == 1
            && let Some(pause) = self.pause.get().checked_sub(1)
        {
            self.pause.set(pause);
            return disperse(lane);
        }
        let Some(carriers) = Carriers::of_home(self.home.get()) else {
            return disperse(lane);
        };
        let riders = std::iter::from_fn(|| lane.next());
        let idle = carriers.trains.idle.lock().pop();
        if let Some(Idle { waker, train }) = idle {
            train.riders.lock().extend(riders);
            return waker.wake();
        }
        match Handle::try_current() {
            // The process may have entered another one.
            Ok(runtime) if Carriers::of(&runtime, |other| Arc::ptr_eq(other, &carriers)) => {
                let riders = Mutex::new(riders.collect());
                runtime.spawn(Running(Arc::new(Train { riders, carriers })));
            }
            _ => disperse(lane),
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
    /// Begins the poll of a carrier, or a train, of that runtime. `None` where the thread can have no lane.
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
                disperse(lane);
            }
            Some(Hosting { lane, home, outer })
        })
    }

    /// Has the process run when its turn comes.
    pub(super) fn board(&self, record: &'static Record) {
        HOST.with(|host| host.board(self.lane, record));
    }

    /// Runs those who wait, and those whom they wake, for as long as others can wait for that.
    ///
    /// Returns how many steps that were.
    pub(super) fn run(self) -> u32 {
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
            if step(record, self.home) {
                self.board(record);
            }
            steps += 1;
            if let Some((began, before)) = began
                && let taken = steps - before
                && (taken.is_power_of_two() || taken.is_multiple_of(16))
                && began.elapsed() > TOLERANCE + LONG * taken
            {
                disperse(self.lane);
            }
        }
        steps
    }
}

/// Whoever still waits goes on by train.
impl Drop for Hosting {
    fn drop(&mut self) {
        if self.lane.len() > 0 {
            HOST.with(|host| host.depart(self.lane));
        }
        let epoch = self.lane.epoch.load(Ordering::Relaxed);
        // Even again.
        (self.lane.epoch).store(epoch.wrapping_add(epoch & 1), Ordering::Relaxed);
        HOST.with(|host| host.home.set(self.outer));
    }
}

/// Takes a step of a guest. Says whether it is to be run again.
fn step(record: &'static Record, home: Home) -> bool {
    if record.priority() != Priority::Normal || !Turn::has_come(Priority::Normal, &record.given_way) {
        record.wake();
        return false;
    }
    carrier::step_away(record, home)
}

/// The lane is somebody else's from now on: the thread ends.
pub(super) fn leave() {
    HOST.with(|host| host.lane.set(None));
}

/// Those who go on when a poll is over.
pub(super) struct Train {
    riders: Mutex<Vec<&'static Record>>,
    carriers: Arc<Carriers>,
}

/// The trains of a runtime that wait for riders.
#[derive(Default)]
pub(super) struct Trains {
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    waker: Waker,
    train: Arc<Train>,
}

impl Trains {
    pub(super) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }
}

/// The task of a train.
struct Running(Arc<Train>);

impl Future for Running {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Running(train) = &*self;
        let mut riders = std::mem::take(&mut *train.riders.lock());
        if riders.is_empty() {
            // It is idle.
            return Poll::Pending;
        }
        match Hosting::begin(train.carriers.home) {
            Some(hosting) => {
                riders.drain(..).for_each(|rider| hosting.board(rider));
                let pays = hosting.run() >= PAYS;
                HOST.with(|host| host.pause.set(if pays { 0 } else { PAUSE }));
            }
            None => riders.drain(..).for_each(|rider| rider.wake()),
        }
        // What it has allocated serves again.
        *train.riders.lock() = riders;
        let (waker, train) = (context.waker().clone(), train.clone());
        self.0.carriers.trains.idle.lock().push(Idle { waker, train });
        Poll::Pending
    }
}

/// The runtime shuts down. Those who keep idle trains keep their tasks, which keep them.
impl Drop for Running {
    fn drop(&mut self) {
        self.0.carriers.trains.clear();
    }
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
