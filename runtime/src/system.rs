//! The node as a whole: its schedulers, its clocks, its numbers, and how many processes it has.
//!
//! ```
//! use crabtree::system;
//!
//! println!("{} of {} schedulers can run at a time", system::schedulers_online(), system::schedulers());
//! ```
//!
//! # Three clocks
//! [`os_time`] is what the operating system says. It jumps when somebody sets the clock. [`monotonic_time`] never goes
//! back, and says nothing by itself: it is for the time between two moments. [`system_time`] is the monotonic time,
//! moved so that it began with the operating system's: a date that does not jump.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//! use crabtree::system;
//!
//! let start = system::monotonic_time();
//! process::sleep(ms(5)).await;
//! assert!(system::monotonic_time() - start >= ms(5));
//! # });
//! ```

use crate::node::node;
use crate::process::table::CAPACITY;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// What the node keeps for this module.
pub(crate) struct Counters {
    started: Instant,
    /// What has to be added to the monotonic time to get the system's.
    offset: Duration,
    numbers: AtomicU64,
}

impl Counters {
    pub(crate) fn new() -> Counters {
        Counters {
            started: Instant::now(),
            offset: os_time(),
            numbers: AtomicU64::new(1),
        }
    }

    /// When the node started, by the clock of the runtime that it started in.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }
}

/// How many schedulers there are: the threads that run the caller's processes.
///
/// These are the worker threads of the tokio runtime that the caller runs in, or else of the node's own, which has as
/// many as there are cores unless the environment variable `TOKIO_WORKER_THREADS` says otherwise.
pub fn schedulers() -> usize {
    let handle = Handle::try_current().unwrap_or_else(|_| node().runtime().clone());
    handle.metrics().num_workers()
}

/// How many schedulers can run at a time: as many as there are [`schedulers`], but not more than the cores that the
/// operating system gives to the program.
///
/// It is the default where something is done so many times in parallel: the partitions of a
/// [partition supervisor](crate::partition_supervisor), the tasks of an [`async_stream`](crate::task::async_stream).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::system;
///
/// assert!((1..=system::schedulers()).contains(&system::schedulers_online()));
/// # });
/// ```
pub fn schedulers_online() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    schedulers().min(cores)
}

/// A number that this node gives out once. It is positive, and greater than any that was given out before: OTP's
/// `positive` and `monotonic` are always on.
///
/// ```
/// use crabtree::system;
///
/// let first = system::unique_integer();
/// assert!(0 < first && first < system::unique_integer());
/// ```
pub fn unique_integer() -> u64 {
    // One variable has one order of changes, whatever the ordering: a number taken after another one is greater.
    node().counters.numbers.fetch_add(1, Ordering::Relaxed)
}

/// The time since the node began. It never goes back.
///
/// It is the clock of the node's timers, so in a tokio runtime whose time is paused it stands still with them.
pub fn monotonic_time() -> Duration {
    Instant::now().saturating_duration_since(node().counters.started)
}

/// The time since 1970-01-01 UTC, as it was when the node began, and ever since by the monotonic clock.
pub fn system_time() -> Duration {
    monotonic_time() + time_offset()
}

/// What [`system_time`] adds to [`monotonic_time`]. It does not change while the node lives.
pub fn time_offset() -> Duration {
    node().counters.offset
}

/// The time since 1970-01-01 UTC, as the operating system has it now. It can jump.
pub fn os_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How many processes are alive.
///
/// It is a number of that moment: others begin and end meanwhile.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::system;
///
/// assert!((1..system::process_limit()).contains(&system::process_count()));
/// # });
/// ```
pub fn process_count() -> usize {
    node().table.len()
}

/// How many processes can be alive at a time. A spawn beyond that panics.
pub fn process_limit() -> usize {
    CAPACITY as usize
}
