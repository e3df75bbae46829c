//! How many exit signals were sent to a process, and how many have taken effect: so who asks whether it is alive mostly needs
//! no lock.
//!
//! # Invariants
//! 1. A signal is counted as sent before it is in the queue, and as taken when its effect is seen by who looks without the
//!    lock, or when it has none because it met the end of the process.

use crate::sync::atomic::{AtomicU32, Ordering};

/// See the module.
pub(super) struct Exits {
    /// How many were sent to it, all in all.
    sent: AtomicU32,
    /// How many of them have taken effect. Written by who has the lock, or ends the process.
    taken: AtomicU32,
}

impl Exits {
    pub(super) fn new() -> Exits {
        Exits {
            sent: AtomicU32::new(0),
            taken: AtomicU32::new(0),
        }
    }

    /// One is about to be put into the queue.
    pub(super) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// The queue did not take it.
    pub(super) fn came_back(&self) {
        self.sent.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn took_effect(&self, exits: u32) {
        if exits > 0 {
            let before = self.taken.load(Ordering::Relaxed);
            self.taken.store(before.wrapping_add(exits), Ordering::Release);
        }
    }

    /// Whether all have, of those that were sent before this.
    pub(super) fn have_taken_effect(&self) -> bool {
        // In this order: each of those that are counted here was counted there before.
        let taken = self.taken.load(Ordering::Acquire);
        self.sent.load(Ordering::Relaxed) == taken
    }
}
