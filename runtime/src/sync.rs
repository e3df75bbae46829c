//! What the lock-free parts of a process are built of.
//!
//! In the tests with `--cfg crabtree_loom` it is loom's, which tries all orders in which threads can run, and all values
//! that a load may see; otherwise it is the real thing.

#[cfg(all(test, crabtree_loom))]
pub(crate) use self::model::Mutex;
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use self::real::{MutPtr, UnsafeCell};
#[cfg(all(test, crabtree_loom))]
pub(crate) use loom::cell::{MutPtr, UnsafeCell};
#[cfg(all(test, crabtree_loom))]
pub(crate) use loom::hint;
#[cfg(all(test, crabtree_loom))]
pub(crate) use loom::sync::{MutexGuard, atomic};
#[cfg(all(test, crabtree_loom))]
pub(crate) use loom::thread;
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use std::hint;
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use std::sync::atomic;
#[cfg(not(all(test, crabtree_loom)))]
pub(crate) use std::thread;

/// Loom's types with the methods of the real ones.
#[cfg(all(test, crabtree_loom))]
mod model {
    use super::MutexGuard;

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
}

/// The real types with the methods of loom's.
#[cfg(not(all(test, crabtree_loom)))]
mod real {
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    /// What loom notes the end of.
    pub(crate) struct MutPtr<T>(*mut T);

    impl<T> MutPtr<T> {
        /// # Safety
        /// As for any pointer that is made a reference.
        #[expect(clippy::mut_from_ref, reason = "it is a pointer, as loom's is")]
        pub(crate) unsafe fn deref(&self) -> &mut T {
            // SAFETY: the caller's promise.
            unsafe { &mut *self.0 }
        }
    }

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }

        pub(crate) fn get_mut(&self) -> MutPtr<T> {
            MutPtr(self.0.get())
        }
    }
}
