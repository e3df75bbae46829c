//! What the tests have in common.

// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use crabtree::prelude::*;
use crabtree::process::Attached;

/// Runs the body as a process on a clock that stands still until everybody waits.
pub fn check<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async { Attached::new().drive(body).await.expect("no exit signal ends the test") })
}

/// Waits until `pid` is gone, and says why.
pub async fn end_of(pid: Pid) -> ExitReason {
    let watched = process::monitor(pid);
    receive! { Down { monitor, reason, .. } if monitor == watched => reason }
}
