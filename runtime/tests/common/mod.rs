//! What the tests have in common.

// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use crabtree::__private::census;
use crabtree::prelude::*;
use crabtree::process::Attached;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs the body as a process on a clock that stands still until everybody waits.
///
/// Where tests run one after the other, and `CRABTREE_CENSUS` says so, the node must keep nothing of them.
pub fn check<F: Future>(body: F) -> F::Output {
    let before = std::env::var_os("CRABTREE_CENSUS").map(|_| census());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let test = async { Attached::new().drive(body).await.expect("no exit signal ends the test") };
    let tested = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test)));
    // With the runtime, all that still ran ends, wherever it was.
    drop(runtime);
    if let (Ok(_), Some(before)) = (&tested, before) {
        assert_eq!(census(), before, "something stays on the node");
    }
    tested.unwrap_or_else(|payload| {
        // A panic of a process is quiet until somebody reports it.
        if let Some(panic) = process::last_panic() {
            eprintln!("panicked at {}: {}", panic.location, panic.message);
        }
        resume_unwind(payload)
    })
}

/// Waits until `pid` is gone, and says why.
pub async fn end_of(pid: Pid) -> ExitReason {
    let watched = process::monitor(pid);
    receive! { Down { monitor, reason, .. } if monitor == watched => reason }
}
