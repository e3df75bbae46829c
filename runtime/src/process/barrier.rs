//! Fences between a side that must be quick and one that need not be.
//!
//! Of two sides that each write one thing and then read what the other one writes, one at least is to see the other. For that
//! each needs a fence between the two, and one that a processor runs costs as much as a lock. So the quick side has none but
//! for the compiler, and the other one has the system run one on all threads of the program, which takes a microsecond or
//! several. Linux does so ([membarrier](https://man7.org/linux/man-pages/man2/membarrier.2.html)); elsewhere, and where it is
//! forbidden, nothing [is there](Barrier::is_there).
//!
//! Miri and loom know nothing of that, and try ordinary fences in its place.

use crate::node::node;
use crate::sync::atomic::{Ordering, fence};

/// Whether the system has run what [`heavy`] needs.
pub(crate) struct Barrier(bool);

impl Barrier {
    /// Asks the system.
    pub(crate) fn new() -> Barrier {
        Barrier(cfg!(any(miri, crabtree_loom)) || system::register())
    }

    /// Whether the two sides may rely on it.
    pub(super) fn is_there(&self) -> bool {
        self.0
    }
}

/// The fence of the quick side.
#[inline]
pub(super) fn light() {
    if cfg!(any(miri, crabtree_loom)) {
        fence(Ordering::SeqCst);
    } else {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    }
}

/// The fence of the other side, where there is a quick one.
///
/// # Panics
/// When the system has taken back what it [granted](Barrier::new).
pub(super) fn heavy() {
    if cfg!(any(miri, crabtree_loom)) {
        fence(Ordering::SeqCst);
    } else if node().barrier.is_there() {
        assert!(
            system::run() || system::register() && system::run(),
            "membarrier worked when the runtime began, and does not any more: let it pass the filter of system calls"
        );
    }
}

#[cfg(target_os = "linux")]
mod system {
    // Of linux/membarrier.h.
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    fn membarrier(command: libc::c_int) -> bool {
        const NO_FLAGS: libc::c_uint = 0;
        const ANY_CPU: libc::c_int = 0;
        // SAFETY: the call takes three numbers, and touches no memory of the program.
        unsafe { libc::syscall(libc::SYS_membarrier, command, NO_FLAGS, ANY_CPU) == 0 }
    }

    pub(super) fn register() -> bool {
        membarrier(REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn run() -> bool {
        membarrier(PRIVATE_EXPEDITED)
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn run() -> bool {
        false
    }
}
