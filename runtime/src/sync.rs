//! What the lock-free parts of a process are built of.
//!
//! In the tests with `--cfg crabtree_loom` it is loom's, which tries all orders in which threads can run, and all values
//! that a load may see; otherwise it is the real thing.

#[cfg(all(test, crabtree_loom))]
pub(crate) use self::model::{AtomicWaker, Mutex};
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use atomic_waker::AtomicWaker;
#[cfg(all(test, crabtree_loom))]
pub(crate) use loom::sync::{MutexGuard, atomic};
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use std::sync::atomic;

/// Loom's types with the methods of the real ones.
#[cfg(all(test, crabtree_loom))]
mod model {
    use super::MutexGuard;
    use std::task::Waker;

    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

    impl AtomicWaker {
        pub(crate) fn new() -> AtomicWaker {
            AtomicWaker(loom::future::AtomicWaker::new())
        }

        pub(crate) fn register(&self, waker: &Waker) {
            self.0.register_by_ref(waker);
        }

        pub(crate) fn wake(&self) {
            self.0.wake();
        }

        pub(crate) fn take(&self) -> Option<Waker> {
            self.0.take_waker()
        }
    }
}
