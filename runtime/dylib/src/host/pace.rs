//! Whoever shows more than the front end takes has to wait: else it would pile up in memory.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crabtree_link::WINDOW;
use tokio::runtime::{Handle, RuntimeFlavor};

/// How much is under way to the front end.
#[derive(Debug, Default)]
pub(super) struct Pace {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    under_way: usize,
    /// How many are in a hurry.
    hurried: usize,
}

/// While it lives, nobody has to wait.
pub(super) struct Hurry<'a>(&'a Pace);

impl Pace {
    /// So much has been sent.
    pub(super) fn sent(&self, weight: usize) {
        if weight > 0 {
            self.state().under_way += weight;
        }
    }

    /// So much of it has gone on.
    pub(super) fn passed_on(&self, weight: usize) {
        self.state().under_way -= weight;
        self.changed.notify_all();
    }

    /// Waits until there is room for more, or `leave` says that the caller is to stop.
    pub(super) fn keep(&self, leave: impl Fn() -> bool) {
        let must_wait = |state: &mut State| state.under_way > WINDOW && state.hurried == 0 && !leave();
        if !must_wait(&mut self.state()) {
            return;
        }
        let wait = || {
            let waited = self.changed.wait_while(self.state(), must_wait);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        };
        let workers = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        if workers && std::thread::current().name() != Some("cells") {
            // The other processes of this worker go on meanwhile.
            tokio::task::block_in_place(wait);
        } else {
            wait();
        }
    }

    /// Has everybody look again whether they are to stop.
    pub(super) fn look_again(&self) {
        drop(self.state());
        self.changed.notify_all();
    }

    /// Lets everybody go on for a while.
    pub(super) fn hurry(&self) -> Hurry<'_> {
        self.state().hurried += 1;
        self.changed.notify_all();
        Hurry(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.state().hurried -= 1;
    }
}
