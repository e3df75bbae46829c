//! The threads that are the runtime's own: what runs on them borrows from no other thread.

use crate::node::node;
use std::sync::atomic::Ordering;

/// While it lives, the thread that made it counts as one of the runtime's own.
#[derive(Debug)]
pub struct OwnThread(());

impl OwnThread {
    /// Counts the calling thread.
    pub fn begin() -> OwnThread {
        begin();
        OwnThread(())
    }

    /// Whether the process has no other threads. When in doubt it says no.
    pub fn are_all() -> bool {
        let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
        threads.is_ok_and(|threads| threads == node().own_threads.load(Ordering::Relaxed))
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        end();
    }
}

pub(crate) fn begin() {
    node().own_threads.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn end() {
    node().own_threads.fetch_sub(1, Ordering::Relaxed);
}
