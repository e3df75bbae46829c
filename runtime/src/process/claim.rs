//! Whether a process is to take a step, and who takes it.
//!
//! A process that is to take one stands in one place: on a [lane](super::hand_over) or a [train](super::train). Whoever takes
//! it from there runs it. News that come meanwhile are seen by another step.
//!
//! # Invariants
//! 1. A process is in one place while its claim says [`QUEUED`], and in none otherwise. Who made it say so puts it there.
//! 2. Whoever has taken the claim, and nobody else, looks at the body of the process. While it says [`NONE`], that is who
//!    begins a process in the record.
//! 3. All changes are read-modify-writes. So of a teller and a taker one sees what the other one did before.

use crate::sync::atomic::{AtomicU8, Ordering};

/// See the module.
pub(super) struct Claim(AtomicU8);

/// There is no process, or somebody else polls it.
const NONE: u8 = 0;
/// The process waits.
const QUIET: u8 = 1;
/// It is to take a step.
const QUEUED: u8 = 2;
/// It takes one.
const TAKEN: u8 = 4;
/// While it does, or before, there was news: it is to take another step.
const NEWS: u8 = 8;
/// Its runtime is gone: it is to be ended.
const GONE: u8 = 16;
/// It is among those of high priority that wait.
const HIGH: u8 = 32;
/// It has asked for another step itself, in the one that it takes.
const YIELDS: u8 = 64;

/// What becomes of news.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The process is queued: who told it puts it in its place.
    Queued,
    /// It is going to see them.
    Noted,
    /// There is no process, or somebody else polls it.
    Nobody,
}

/// What somebody took who is going to run a process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// It was among those of high priority that wait.
    pub(super) high: bool,
    /// It is to be ended.
    pub(super) gone: bool,
}

/// What became of the process while it was run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    Quiet,
    /// It is to be run again: who left it puts it in its place.
    Queued {
        /// When others have had their turn.
        yields: bool,
    },
    /// It is still taken, and to be ended.
    Gone,
}

impl Claim {
    pub(super) fn new() -> Claim {
        Claim(AtomicU8::new(NONE))
    }

    fn change(&self, to: impl Fn(u8) -> Option<u8>) -> Result<u8, u8> {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, to)
    }

    /// A process has begun, whose body is there: the caller puts it in its place.
    pub(super) fn begin(&self, high: bool) {
        let before = self.0.swap(queued(high), Ordering::AcqRel);
        debug_assert_eq!(before, NONE);
    }

    /// There is news for the process.
    #[inline]
    pub(super) fn tell(&self, high: bool) -> Told {
        match (self.0).compare_exchange(QUIET, queued(high), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Told::Queued,
            Err(_) => self.tell_busy(high),
        }
    }

    fn tell_busy(&self, high: bool) -> Told {
        // Written also where it says so already: who takes it, or begins, sees what was done before.
        let before = self.change(|state| match state {
            QUIET => Some(queued(high)),
            _ if state & TAKEN != 0 => Some(state | NEWS),
            _ => Some(state),
        });
        match before {
            Ok(QUIET) => Told::Queued,
            Ok(NONE) => Told::Nobody,
            _ => Told::Noted,
        }
    }

    /// The process asks for another step, in one.
    pub(super) fn give_way(&self) {
        self.0.fetch_or(NEWS | YIELDS, Ordering::AcqRel);
    }

    /// Takes a process that is queued. For who took it from its place.
    pub(super) fn take(&self) -> Taken {
        let queued = (self.0).compare_exchange(QUEUED, TAKEN, Ordering::AcqRel, Ordering::Relaxed);
        let before = queued.unwrap_or_else(|_| {
            let taken = self.change(|state| Some(TAKEN | state & GONE));
            taken.unwrap_or_else(|state| state)
        });
        debug_assert!(before & QUEUED != 0);
        Taken {
            high: before & HIGH != 0,
            gone: before & GONE != 0,
        }
    }

    /// The process waits. For who has taken it.
    pub(super) fn leave(&self, high: bool) -> Left {
        if (self.0)
            .compare_exchange(TAKEN, QUIET, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            return Left::Quiet;
        }
        // News never go, so it is queued in any case.
        match self.change(|state| (state & GONE == 0).then_some(queued(high))) {
            Err(_) => Left::Gone,
            Ok(before) => Left::Queued {
                yields: before & YIELDS != 0,
            },
        }
    }

    /// The runtime of the process is gone. Takes it, and says so, if nobody runs it or is going to.
    pub(super) fn abandon(&self) -> bool {
        let before = self.change(|state| match state {
            NONE => None,
            QUIET => Some(TAKEN),
            _ => Some(state | GONE),
        });
        before == Ok(QUIET)
    }

    /// Whether somebody runs the process just now. Who takes it after that sees what the caller did before.
    pub(super) fn is_taken(&self) -> bool {
        let is_taken = |state| state & TAKEN != 0;
        is_taken(self.0.load(Ordering::Relaxed)) || is_taken(self.0.fetch_or(0, Ordering::AcqRel))
    }

    /// There is no process any more. For who has taken it.
    pub(super) fn reset(&self) {
        self.0.swap(NONE, Ordering::AcqRel);
    }
}

fn queued(high: bool) -> u8 {
    if high { QUEUED | HIGH } else { QUEUED }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;

    fn begun() -> Claim {
        let claim = Claim::new();
        assert_eq!(claim.tell(false), Told::Nobody);
        claim.begin(false);
        claim
    }

    const ANY: Taken = Taken {
        high: false,
        gone: false,
    };

    #[test]
    fn a_process_is_in_one_place_at_a_time() {
        let claim = begun();
        assert_eq!(claim.tell(false), Told::Noted);
        assert_eq!(claim.take(), ANY);
        assert_eq!(claim.leave(false), Left::Quiet);
        assert_eq!(claim.tell(false), Told::Queued);
        assert_eq!(claim.tell(false), Told::Noted);
    }

    #[test]
    fn news_that_come_in_a_step_bring_another_one() {
        let claim = begun();
        claim.take();
        assert_eq!(claim.tell(false), Told::Noted);
        assert_eq!(claim.leave(true), Left::Queued { yields: false });
        let high = claim.take().high;
        assert!(high);
        claim.give_way();
        assert_eq!(claim.leave(true), Left::Queued { yields: true });
        claim.take();
        assert_eq!(claim.leave(true), Left::Quiet);
        assert_eq!(claim.tell(true), Told::Queued);
    }

    #[test]
    fn what_loses_its_runtime_is_ended_by_who_has_it() {
        let claim = begun();
        assert!(!claim.abandon());
        assert!(claim.take().gone);
        assert_eq!(claim.leave(false), Left::Gone);
        claim.reset();
        assert!(!claim.abandon());
        claim.begin(false);
        claim.take();
        claim.leave(false);
        assert!(claim.abandon());
        assert_eq!(claim.tell(false), Told::Noted);
    }
}

#[cfg(all(test, crabtree_loom))]
mod model {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    /// Runs what is queued for as long as there are news, and notes which it saw.
    fn run(claim: &Claim, news: &AtomicUsize, runs: &AtomicUsize, seen: &AtomicUsize) {
        loop {
            claim.take();
            assert_eq!(runs.fetch_add(1, Ordering::Relaxed), 0, "two run it at a time");
            seen.fetch_max(news.load(Ordering::Relaxed), Ordering::Relaxed);
            runs.fetch_sub(1, Ordering::Relaxed);
            match claim.leave(false) {
                Left::Queued { .. } => {}
                _ => return,
            }
        }
    }

    #[test]
    fn one_runs_it_at_a_time_and_sees_the_news_that_come_meanwhile() {
        loom::model(|| {
            let claim = Arc::new(Claim::new());
            let [news, runs, seen] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(0)));
            claim.begin(false);
            let teller = {
                let (claim, news, runs, seen) = (claim.clone(), news.clone(), runs.clone(), seen.clone());
                thread::spawn(move || {
                    news.store(1, Ordering::Relaxed);
                    if claim.tell(false) == Told::Queued {
                        run(&claim, &news, &runs, &seen);
                    }
                })
            };
            run(&claim, &news, &runs, &seen);
            teller.join().unwrap();
            assert_eq!(seen.load(Ordering::Relaxed), 1, "the news were lost");
        });
    }

    #[test]
    fn what_loses_its_runtime_is_ended_once() {
        loom::model(|| {
            let claim = Arc::new(Claim::new());
            claim.begin(false);
            let ends = Arc::new(AtomicUsize::new(0));
            let runner = {
                let (claim, ends) = (claim.clone(), ends.clone());
                thread::spawn(move || {
                    if claim.take().gone || claim.leave(false) == Left::Gone {
                        ends.fetch_add(1, Ordering::Relaxed);
                    }
                })
            };
            if claim.abandon() {
                ends.fetch_add(1, Ordering::Relaxed);
            }
            runner.join().unwrap();
            assert_eq!(ends.load(Ordering::Relaxed), 1);
        });
    }
}
