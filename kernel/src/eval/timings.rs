//! When the steps of a cell begin, for those who measure them (`kernel/benches/latency.rs`).
//!
//! If [`TIMINGS_ENV`] names a file, each [`mark`] becomes a line in it: nanoseconds of the machine's monotonic clock and a
//! name. All processes of a session append to the same file, so that a step in another process needs no message.

use std::fs::File;
use std::io::Write as _;
use std::sync::OnceLock;

/// The file for the marks.
const TIMINGS_ENV: &str = "CRABTREE_TIMINGS";

/// Notes that a step begins now, and that the one before it has ended.
pub(super) fn mark(step: &str) {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os(TIMINGS_ENV)?;
        File::options().create(true).append(true).open(path).ok()
    });
    if let Some(mut file) = file.as_ref() {
        // Who measures sees that a mark is missing.
        let _ = file.write_all(format!("{} {step}\n", now()).as_bytes());
    }
}

/// What time it is, for all processes of this machine.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to `time` and nowhere else.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
