//! A lock that its owner takes without an atomic exchange.
//!
//! Whoever runs a process looks at its state several times in each step, and mostly nobody else does. A lock that is the same
//! for all costs two exchanges each time, which are half of what it takes to receive a message. So this one favours the thread
//! that runs the process:
//!
//! - The owner says that it is inside, and then looks whether somebody else has asked. If so, it waits like anybody else.
//! - Whoever else wants the value takes a mutex, asks, and then looks whether the owner is inside. If so, it waits.
//!
//! # Invariants
//! 1. There is one owner at a time, and what one did is seen by the next one.
//! 2. A [`Guard`] of the owner's exists only while `inside` is set, which the owner finds unset before, and one of somebody
//!    else's only while the mutex is locked: at most one.
//! 3. Each side writes first and then reads, with a [barrier] between the two, so that one of them sees the other.

use super::barrier;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{MutPtr, Mutex, MutexGuard, UnsafeCell, hint, thread};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// How often others look whether there is an owner before they have the system run a fence: a microsecond or two.
const PATIENCE: u32 = if cfg!(any(miri, crabtree_loom)) { 1 } else { 32 };

/// See the module.
pub(super) struct Biased<T> {
    /// Written by the owner only.
    inside: AtomicBool,
    /// Written by who has the mutex only.
    asked: AtomicBool,
    others: Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through guards, of which there is one at a time (invariant 2).
unsafe impl<T: Send> Sync for Biased<T> {}

/// While it lives, its thread has the value for itself.
pub(crate) struct Guard<'a, T> {
    lock: &'a Biased<T>,
    value: ManuallyDrop<MutPtr<T>>,
    /// `None` when it is the owner's, who is inside.
    others: Option<MutexGuard<'a, ()>>,
}

impl<T> Biased<T> {
    pub(super) fn new(value: T) -> Biased<T> {
        Biased {
            inside: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            others: Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }

    /// Locks it for its owner.
    ///
    /// # Safety
    /// The thread is the owner, and stays it until the guard is gone.
    ///
    /// # Panics
    /// When the owner has locked it already.
    #[inline]
    pub(super) unsafe fn lock_own(&self) -> Guard<'_, T> {
        if self.inside.load(Ordering::Relaxed) {
            locked_already();
        }
        // SAFETY: the caller is the owner, and not inside.
        match unsafe { self.enter() } {
            Some(guard) => guard,
            None => self.wait(),
        }
    }

    /// Lets somebody else go first.
    #[cold]
    #[inline(never)]
    fn wait(&self) -> Guard<'_, T> {
        self.enter_after(self.others.lock())
    }

    /// Enters when nobody else asks. Who does from now on takes the mutex then, and sees it.
    fn enter_after(&self, others: MutexGuard<'_, ()>) -> Guard<'_, T> {
        self.inside.store(true, Ordering::Relaxed);
        drop(others);
        self.guard(None)
    }

    /// Locks it for its owner, unless it is locked.
    ///
    /// # Safety
    /// As for [`lock_own`](Biased::lock_own).
    pub(super) unsafe fn try_lock_own(&self) -> Option<Guard<'_, T>> {
        if self.inside.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the caller is the owner, and not inside.
        let entered = unsafe { self.enter() };
        entered.or_else(|| Some(self.enter_after(self.others.try_lock()?)))
    }

    /// Enters, unless somebody has asked.
    ///
    /// # Safety
    /// As for [`lock_own`](Biased::lock_own), and the owner is not inside.
    #[inline]
    unsafe fn enter(&self) -> Option<Guard<'_, T>> {
        self.inside.store(true, Ordering::Relaxed);
        barrier::light();
        if self.asked.load(Ordering::Acquire) {
            self.inside.store(false, Ordering::Relaxed);
            return None;
        }
        Some(self.guard(None))
    }

    /// Locks it for anybody but its owner. `is_owned` says whether there may be one just now; when it says that there is none,
    /// whoever becomes it afterwards sees what was done before.
    #[inline(never)]
    pub(super) fn lock(&self, is_owned: impl Fn() -> bool) -> Guard<'_, T> {
        let others = self.others.lock();
        self.ask(is_owned);
        let mut tries = 0_u32;
        while self.inside.load(Ordering::Acquire) {
            wait_a_little(tries);
            tries += 1;
        }
        self.guard(Some(others))
    }

    /// Like [`lock`](Biased::lock), but `None` when it is locked.
    pub(super) fn try_lock(&self, is_owned: impl Fn() -> bool) -> Option<Guard<'_, T>> {
        let others = self.others.try_lock()?;
        self.ask(is_owned);
        if self.inside.load(Ordering::Acquire) {
            self.asked.store(false, Ordering::Release);
            return None;
        }
        Some(self.guard(Some(others)))
    }

    /// Nobody asks any more.
    #[cold]
    #[inline(never)]
    fn done(&self, others: MutexGuard<'_, ()>) {
        self.asked.store(false, Ordering::Release);
        drop(others);
    }

    fn ask(&self, is_owned: impl Fn() -> bool) {
        self.asked.store(true, Ordering::Relaxed);
        // Mostly it is soon over, and the next owner sees that somebody has asked.
        for _ in 0..PATIENCE {
            if !is_owned() {
                return;
            }
            hint::spin_loop();
        }
        barrier::heavy();
    }

    fn guard<'a>(&'a self, others: Option<MutexGuard<'a, ()>>) -> Guard<'a, T> {
        Guard {
            lock: self,
            value: ManuallyDrop::new(self.value.get_mut()),
            others,
        }
    }
}

#[cold]
#[inline(never)]
fn locked_already() -> ! {
    panic!("the state of a process was asked for by code that has it already")
}

/// The owner is inside for a short time, unless the system has put its thread aside, or a user's code runs there.
#[cold]
fn wait_a_little(tries: u32) {
    match tries {
        0..64 => hint::spin_loop(),
        64..128 => thread::yield_now(),
        _ if cfg!(crabtree_loom) => thread::yield_now(),
        _ => std::thread::sleep(Duration::from_micros(50)),
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one (invariant 2).
        unsafe { MutPtr::deref(&self.value) }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed exclusively.
        unsafe { MutPtr::deref(&self.value) }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is not used again.
        unsafe { ManuallyDrop::drop(&mut self.value) };
        match self.others.take() {
            None => self.lock.inside.store(false, Ordering::Release),
            Some(others) => self.lock.done(others),
        }
    }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_what_the_owner_has_and_the_owner_gets_it_once() {
        let lock = Biased::new(1);
        // SAFETY: there is one thread.
        let mut own = unsafe { lock.lock_own() };
        *own += 1;
        assert!(lock.try_lock(|| true).is_none());
        // SAFETY: as above.
        assert!(unsafe { lock.try_lock_own() }.is_none());
        drop(own);
        let other = lock.lock(|| true);
        assert_eq!(*other, 2);
        // SAFETY: as above.
        assert!(unsafe { lock.try_lock_own() }.is_none());
        assert!(lock.try_lock(|| true).is_none());
        drop(other);
        // SAFETY: as above.
        assert_eq!(unsafe { lock.try_lock_own() }.map(|own| *own), Some(2));
    }

    #[test]
    fn owner_and_others_count_together() {
        const EACH: usize = if cfg!(miri) { 50 } else { 20_000 };
        let lock = Biased::new(0);
        let add = |guard: Guard<'_, usize>| {
            let mut guard = guard;
            *guard += 1;
        };
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..EACH).for_each(|_| add(lock.lock(|| true))));
            }
            // SAFETY: only this thread says that it is the owner.
            (0..EACH).for_each(|_| add(unsafe { lock.lock_own() }));
        });
        assert_eq!(*lock.lock(|| false), 3 * EACH);
    }
}

#[cfg(all(test, crabtree_loom))]
mod model {
    use super::super::claim::Claim;
    use super::*;
    use loom::sync::Arc;

    #[test]
    fn one_has_it_at_a_time_and_sees_what_was_done_before() {
        loom::model(|| {
            let lock = Arc::new(Biased::new(0));
            let other = {
                let lock = lock.clone();
                thread::spawn(move || *lock.lock(|| true) += 1)
            };
            for _ in 0..2 {
                // SAFETY: only this thread says that it is the owner.
                let mut own = unsafe { lock.lock_own() };
                // SAFETY: as above.
                assert!(
                    unsafe { lock.try_lock_own() }.is_none(),
                    "once, also when it had to wait"
                );
                *own += 1;
            }
            other.join().unwrap();
            assert_eq!(*lock.lock(|| false), 3);
        });
    }

    #[test]
    fn who_tries_gets_it_alone() {
        loom::model(|| {
            let lock = Arc::new(Biased::new(0));
            let other = {
                let lock = lock.clone();
                thread::spawn(move || lock.try_lock(|| true).map(|mut value| *value += 1).is_some())
            };
            // SAFETY: only this thread says that it is the owner.
            let own = unsafe { lock.try_lock_own() }.map(|mut value| *value += 1).is_some();
            let other = other.join().unwrap();
            assert_eq!(*lock.lock(|| false), u32::from(own) + u32::from(other));
        });
    }

    /// The owner is who has taken the claim, and one comes after the other.
    #[test]
    fn who_finds_it_without_an_owner_is_seen_by_the_next_one() {
        loom::model(|| {
            let shared = Arc::new((Claim::new(), Biased::new(0)));
            shared.0.begin(false);
            let other = {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (claim, lock) = &*shared;
                    *lock.lock(|| claim.is_taken()) += 1;
                })
            };
            let (claim, lock) = &*shared;
            claim.take();
            // SAFETY: this thread has taken the claim.
            *unsafe { lock.lock_own() } += 1;
            claim.leave(false);
            other.join().unwrap();
            assert_eq!(*lock.lock(|| claim.is_taken()), 2);
        });
    }
}
