//! The rescue: sees to those who wait on the lane of a thread whose step takes long.
//!
//! A thread of its own looks at the lanes every millisecond. Where the same poll as at the look before is still under way,
//! it takes off who waits there, and has tokio run them. When nobody has boarded a lane for some looks, it sleeps until
//! somebody does, and before gives back the memory that nobody needs then.
//!
//! Whoever boards first in a poll makes the epoch of its lane odd, and then looks whether the rescue sleeps. The rescue says
//! that it sleeps, and then looks whether an epoch is odd. There is a fence between the two on both sides, so that one of
//! them sees the other.

use super::hand_over::{self, Lane, OwnLane};
use super::train::send_apart;
use crate::node::node;
use crate::threads::OwnThread;
use parking_lot::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, Thread};
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(1);
/// How many looks at lanes where nothing happens precede its sleep.
const QUIET: u32 = 8;

/// See the module.
#[derive(Default)]
pub(crate) struct Rescue {
    lanes: Mutex<Lanes>,
    asleep: AtomicBool,
    /// `None` when the system gives no thread.
    thread: OnceLock<Option<Thread>>,
}

#[derive(Default)]
struct Lanes {
    all: Vec<&'static Lane>,
    vacant: Vec<&'static Lane>,
}

/// Gives its lane back when a thread ends.
struct Leave(&'static Lane);

impl Drop for Leave {
    fn drop(&mut self) {
        hand_over::leave();
        node().rescue.lanes.lock().vacant.push(self.0);
    }
}

thread_local! {
    static LEAVE: OnceLock<Leave> = const { OnceLock::new() };
}

/// The lane of this thread, if it can have one.
#[cold]
pub(super) fn lane() -> Option<OwnLane> {
    let rescue = &node().rescue;
    // Miri wants all threads to end before the program does.
    if !cfg!(miri) && rescue.thread.get_or_init(start).is_none() {
        return None;
    }
    let given = LEAVE.try_with(|leave| {
        let Leave(lane) = leave.get_or_init(|| Leave(rescue.give()));
        // SAFETY: no other thread gets it before this one `Leave`s, which has forgotten it then.
        unsafe { lane.own(&node().barrier) }
    });
    given.ok()
}

fn start() -> Option<Thread> {
    let keep = || {
        let _own = OwnThread::begin();
        node().rescue.keep();
    };
    let thread = thread::Builder::new().name("crabtree-rescue".to_owned()).spawn(keep);
    thread.ok().map(|handle| handle.thread().clone())
}

/// Somebody boarded a lane whose epoch was even: it is odd now. Or there is [more memory](crate::pool::Stock) than needed.
pub(crate) fn stay_awake() {
    fence(Ordering::SeqCst);
    let rescue = &node().rescue;
    if rescue.asleep.load(Ordering::Relaxed) {
        rescue.awake();
    }
}

impl Rescue {
    fn give(&self) -> &'static Lane {
        let mut lanes = self.lanes.lock();
        lanes.vacant.pop().unwrap_or_else(|| {
            // As many as there ever were threads at a time.
            let lane: &Lane = Box::leak(Box::new(Lane::new()));
            lanes.all.push(lane);
            lane
        })
    }

    #[cold]
    fn awake(&self) {
        if self.asleep.swap(false, Ordering::Relaxed)
            && let Some(Some(thread)) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The life of the thread.
    fn keep(&self) {
        let mut seen = Vec::new();
        let mut quiet = 0;
        loop {
            thread::sleep(PAUSE);
            quiet = if self.look(&mut seen) { 0 } else { quiet + 1 };
            if quiet >= QUIET && !node().blocks.trim() {
                self.asleep.store(true, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                if self.look(&mut seen) || node().blocks.trim() {
                    self.asleep.store(false, Ordering::Relaxed);
                }
                while self.asleep.load(Ordering::Relaxed) {
                    thread::park();
                }
                quiet = 0;
            }
        }
    }

    /// Rescues those who have waited since the last look; `false` when nothing has happened since, and nothing does.
    fn look(&self, seen: &mut Vec<u32>) -> bool {
        let lanes = self.lanes.lock();
        seen.resize(lanes.all.len(), 0);
        let mut busy = false;
        for (lane, seen) in lanes.all.iter().zip(seen) {
            let epoch = lane.epoch.load(Ordering::Relaxed);
            let before = std::mem::replace(seen, epoch);
            busy |= epoch != before || epoch & 1 != 0;
            if epoch & 1 != 0 && epoch == before {
                send_apart(&lane.rescue());
            }
        }
        busy
    }
}
