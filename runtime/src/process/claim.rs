//! Who runs a process just now.
//!
//! A process has one carrier, which tokio polls. Besides, the thread on which somebody sent it a message may run it as a
//! guest, without tokio (see [`hand_over`](super::hand_over)). The claim sees to it that one of them does at a time, and
//! that news which come meanwhile are seen by another step.
//!
//! # Invariants
//! 1. Whoever has taken the claim, and nobody else, looks at the body of the process, and at its waker without counting.
//! 2. What is [`HOME`] only the carrier takes; what is [`FREE`] anybody may; what is [`OVER`] has ended, and is the
//!    carrier's to give back.
//! 3. All changes are read-modify-writes. So of a teller and a taker one sees what the other one did before.

use crate::sync::atomic::{AtomicU8, Ordering};

/// See the module.
pub(super) struct Claim(AtomicU8);

/// Its carrier has yet to take the first step, and tokio is going to poll it; or there is no process.
const HOME: u8 = 0;
/// Nobody runs it.
const FREE: u8 = 1;
/// It was ended by a guest.
const OVER: u8 = 2;
/// Somebody runs it.
const TAKEN: u8 = 4;
/// It is to take another step.
const NEWS: u8 = 8;
/// The carrier was dropped while a guest runs the process, which is the guest's to end.
const GONE: u8 = 16;

/// What the carrier finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Home {
    Taken,
    /// A guest runs it, and wakes the carrier, or has it run again.
    Elsewhere,
    Over,
}

/// What became of the process while it was run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    Quiet,
    /// It is to be run again.
    News,
    /// Its carrier was dropped: it is still taken, and to be ended.
    Gone,
}

impl Claim {
    pub(super) fn new() -> Claim {
        Claim(AtomicU8::new(HOME))
    }

    fn change(&self, to: impl Fn(u8) -> Option<u8>) -> Result<u8, u8> {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, to)
    }

    /// For the carrier.
    pub(super) fn take_home(&self) -> Home {
        let free = (self.0).compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed);
        if free.is_ok() {
            return Home::Taken;
        }
        let before = self.change(|state| match state {
            OVER => None,
            _ if state & TAKEN != 0 => Some(state | NEWS),
            _ => Some(TAKEN),
        });
        match before {
            Err(_) => Home::Over,
            Ok(state) if state & TAKEN != 0 => Home::Elsewhere,
            Ok(_) => Home::Taken,
        }
    }

    /// For a guest; `false` when the process is not free. Whoever has it then, or is about to, sees the news.
    pub(super) fn take_away(&self) -> bool {
        let free = (self.0).compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed);
        free.is_ok() || {
            let before = self.change(|state| match state {
                FREE => Some(TAKEN),
                OVER => None,
                _ => Some(state | NEWS),
            });
            before == Ok(FREE)
        }
    }

    /// Says that there are news, if somebody runs the process just now.
    pub(super) fn tell(&self) -> bool {
        self.0.load(Ordering::Relaxed) & TAKEN != 0
            && self
                .change(|state| (state & TAKEN != 0).then_some(state | NEWS))
                .is_ok()
    }

    /// The process waits. `anywhere` says whether a guest may run it from now on.
    pub(super) fn leave(&self, anywhere: bool) -> Left {
        let next = if anywhere { FREE } else { HOME };
        if (self.0)
            .compare_exchange(TAKEN, next, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            return Left::Quiet;
        }
        match self.change(|state| (state & GONE == 0).then_some(next)) {
            Err(_) => Left::Gone,
            Ok(state) if state & NEWS != 0 => Left::News,
            Ok(_) => Left::Quiet,
        }
    }

    /// The process has ended in the hands of a guest; `false` when there is no carrier any more.
    pub(super) fn end_away(&self) -> bool {
        self.change(|state| (state & GONE == 0).then_some(OVER)).is_ok()
    }

    /// The carrier is dropped. Takes the process, if nobody else has it.
    pub(super) fn drop_home(&self) -> Home {
        let before = self.change(|state| match state {
            OVER => None,
            _ if state & TAKEN != 0 => Some(state | GONE),
            _ => Some(TAKEN),
        });
        match before {
            Err(_) => Home::Over,
            Ok(state) if state & TAKEN != 0 => Home::Elsewhere,
            Ok(_) => Home::Taken,
        }
    }

    /// There is no process any more. For who has taken it, and for the carrier of one that is over.
    pub(super) fn reset(&self) {
        self.0.swap(HOME, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_guest_takes_only_what_the_carrier_has_left() {
        let claim = Claim::new();
        assert!(!claim.take_away());
        assert_eq!(claim.take_home(), Home::Taken);
        assert_eq!(claim.leave(true), Left::Quiet);
        assert!(claim.take_away());
        assert_eq!(claim.take_home(), Home::Elsewhere);
        assert_eq!(claim.leave(true), Left::News);
        assert_eq!(claim.take_home(), Home::Taken);
        assert_eq!(claim.leave(false), Left::Quiet);
        assert!(!claim.take_away());
    }

    #[test]
    fn a_process_that_a_guest_ended_is_given_back_by_its_carrier() {
        let claim = Claim::new();
        assert_eq!(claim.take_home(), Home::Taken);
        assert_eq!(claim.leave(true), Left::Quiet);
        assert!(claim.take_away());
        assert!(claim.end_away());
        assert!(!claim.take_away());
        assert_eq!(claim.take_home(), Home::Over);
        claim.reset();
        assert_eq!(claim.take_home(), Home::Taken);
    }

    #[test]
    fn what_loses_its_carrier_is_ended_by_the_guest() {
        let claim = Claim::new();
        assert_eq!(claim.take_home(), Home::Taken);
        assert_eq!(claim.leave(true), Left::Quiet);
        assert!(claim.take_away());
        assert_eq!(claim.drop_home(), Home::Elsewhere);
        assert_eq!(claim.leave(true), Left::Gone);
        assert!(!claim.end_away());
    }
}

#[cfg(all(test, crabtree_loom))]
mod model {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    /// Runs what is told for as long as there are news; says whether it saw them.
    fn run(claim: &Claim, news: &AtomicUsize, runs: &AtomicUsize, seen: &AtomicUsize) {
        loop {
            assert_eq!(runs.fetch_add(1, Ordering::Relaxed), 0, "two run it at a time");
            seen.fetch_max(news.load(Ordering::Relaxed), Ordering::Relaxed);
            runs.fetch_sub(1, Ordering::Relaxed);
            if claim.leave(true) != Left::News || !claim.take_away() {
                return;
            }
        }
    }

    #[test]
    fn one_runs_it_at_a_time_and_sees_the_news_that_come_meanwhile() {
        loom::model(|| {
            let claim = Arc::new(Claim::new());
            let [news, runs, seen] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
            let guest = {
                let (claim, news, runs, seen) = (claim.clone(), news.clone(), runs.clone(), seen.clone());
                thread::spawn(move || {
                    news.store(1, Ordering::Relaxed);
                    if !claim.tell() && claim.take_away() {
                        run(&claim, &news, &runs, &seen);
                    }
                })
            };
            // The carrier's first step, which comes in any case.
            if claim.take_home() == Home::Taken {
                run(&claim, &news, &runs, &seen);
            }
            guest.join().unwrap();
            assert_eq!(seen.load(Ordering::Relaxed), 1, "the news were lost");
        });
    }

    #[test]
    fn what_loses_its_carrier_is_ended_once() {
        loom::model(|| {
            let claim = Arc::new(Claim::new());
            assert_eq!(claim.take_home(), Home::Taken);
            assert_eq!(claim.leave(true), Left::Quiet);
            let ends = Arc::new(AtomicUsize::new(0));
            let guest = {
                let (claim, ends) = (claim.clone(), ends.clone());
                thread::spawn(move || {
                    if claim.take_away() && claim.leave(true) == Left::Gone {
                        ends.fetch_add(1, Ordering::Relaxed);
                    }
                })
            };
            if claim.drop_home() == Home::Taken {
                ends.fetch_add(1, Ordering::Relaxed);
            }
            guest.join().unwrap();
            assert_eq!(ends.load(Ordering::Relaxed), 1);
        });
    }
}
