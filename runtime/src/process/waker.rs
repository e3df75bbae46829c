//! The waker of who polls a process that does not run by itself: many wake it, and it stays. Only who polls the process puts
//! another one in its place.
//!
//! # Invariants
//! 1. `register` and `take` are called by one at a time: who polls the process, or ends it.
//! 2. The waker is changed only while `state` has [`CHANGING`], which is set when it was zero.
//! 3. Others look at the waker only after they have added to a `state` without [`CHANGING`], until they take that back.

use super::train::Home;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{UnsafeCell, hint};
use std::task::Waker;

/// The waker is being changed. What is added meanwhile stays: it says that there is news.
const CHANGING: u32 = 1 << 31;

/// See the module.
pub(crate) struct KeptWaker {
    /// How many wake it just now.
    state: AtomicU32,
    /// Which runtime a process runs on that runs by itself: a [`Home`]. Here it takes no room.
    home: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: a `Waker` is `Send` and `Sync`, and invariants 2 and 3 keep its changes from those who look at it.
unsafe impl Sync for KeptWaker {}

impl KeptWaker {
    pub(crate) fn new() -> KeptWaker {
        KeptWaker {
            state: AtomicU32::new(0),
            home: AtomicU32::new(Home::NONE.0),
            waker: UnsafeCell::new(None),
        }
    }

    /// Which runtime the process runs on, if it runs by itself.
    pub(crate) fn home(&self) -> Home {
        Home(self.home.load(Ordering::Relaxed))
    }

    pub(crate) fn set_home(&self, home: Home) {
        self.home.store(home.0, Ordering::Relaxed);
    }

    /// Has `waker` woken from now on.
    ///
    /// What was done before a [`wake`](KeptWaker::wake) is seen after this, or the wake wakes `waker`.
    pub(crate) fn register(&self, waker: &Waker) {
        if self.keeps(waker) {
            // Puts this before or behind each wake.
            self.state.fetch_add(0, Ordering::AcqRel);
        } else if !self.change(Some(waker.clone())) {
            // There is news, and who brings it is about to be done. The next poll registers again.
            waker.wake_by_ref();
            hint::spin_loop();
        }
    }

    /// Whether it is `waker` that is woken. For who polls the process.
    fn keeps(&self, waker: &Waker) -> bool {
        // SAFETY: only the caller could change it (invariant 1).
        let is_kept = |kept: *const Option<Waker>| unsafe { &*kept }.as_ref().is_some_and(|kept| kept.will_wake(waker));
        self.waker.with(is_kept)
    }

    /// Wakes the process, if a waker is registered.
    pub(crate) fn wake(&self) {
        if self.state.fetch_add(1, Ordering::AcqRel) & CHANGING == 0 {
            // SAFETY: nobody changes it until it is taken back (invariants 2 and 3).
            let wake = |kept: *const Option<Waker>| unsafe { &*kept }.as_ref().map(Waker::wake_by_ref);
            self.waker.with(wake);
            self.state.fetch_sub(1, Ordering::Release);
        }
    }

    /// Forgets the waker: the process has ended. If somebody wakes it just now, it stays until another one is registered.
    pub(crate) fn clear(&self) {
        self.change(None);
    }

    /// Returns whether nobody wakes, or woke meanwhile.
    fn change(&self, waker: Option<Waker>) -> bool {
        let unused = (self.state).compare_exchange(0, CHANGING, Ordering::Acquire, Ordering::Relaxed);
        if unused.is_err() {
            return false;
        }
        // SAFETY: nobody else looks at it or changes it (invariants 1 to 3).
        let before = self
            .waker
            .with_mut(|kept| unsafe { std::mem::replace(&mut *kept, waker) });
        let news = self.state.swap(0, Ordering::AcqRel) != CHANGING;
        drop(before);
        !news
    }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waker_stays_until_another_one_is_registered_or_the_process_ends() {
        let counts: [Arc<Counting>; 2] = Default::default();
        let kept = KeptWaker::new();
        kept.wake();
        for count in [&counts[0], &counts[0], &counts[1]] {
            kept.register(&count.clone().into());
            kept.wake();
            kept.wake();
        }
        kept.clear();
        kept.wake();
        assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [4, 2]);
        assert_eq!(counts.each_ref().map(Arc::strong_count), [1, 1]);
    }
}

#[cfg(all(test, crabtree_loom))]
mod model {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;
    use loom::thread;
    use std::sync::Arc as Shared;
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(std::sync::atomic::AtomicBool);

    impl Wake for Woken {
        fn wake(self: Shared<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_registers_sees_the_news_or_is_woken() {
        loom::model(|| {
            let kept = Arc::new(KeptWaker::new());
            let news = Arc::new(AtomicBool::new(false));
            // One that stays, and one that takes its place.
            for _ in 0..2 {
                news.store(false, Ordering::Relaxed);
                let teller = {
                    let (kept, news) = (kept.clone(), news.clone());
                    thread::spawn(move || {
                        news.store(true, Ordering::Relaxed);
                        kept.wake();
                    })
                };
                let woken = Shared::new(Woken::default());
                kept.register(&woken.clone().into());
                let seen = news.load(Ordering::Relaxed);
                teller.join().unwrap();
                assert!(seen || woken.0.load(Ordering::Relaxed));
            }
        });
    }

    #[test]
    fn a_waker_that_is_registered_again_misses_nothing() {
        loom::model(|| {
            let kept = Arc::new(KeptWaker::new());
            let news = Arc::new(AtomicBool::new(false));
            let woken = Shared::new(Woken::default());
            kept.register(&woken.clone().into());
            let teller = {
                let (kept, news) = (kept.clone(), news.clone());
                thread::spawn(move || {
                    news.store(true, Ordering::Relaxed);
                    kept.wake();
                })
            };
            // What woke before this poll has been dealt with.
            let before = woken.0.swap(false, Ordering::Relaxed);
            kept.register(&woken.clone().into());
            let seen = news.load(Ordering::Relaxed);
            teller.join().unwrap();
            assert!(seen || woken.0.load(Ordering::Relaxed), "woken before: {before}");
        });
    }
}
