//! The promises of Elixir's own tests, one test for each, named after the promise; a comment says where it is made.

mod agent;
mod registry;
mod task;

use crabtree::prelude::*;
use crabtree::process::Attached;

/// Runs the body as a process on a clock that stands still until everybody waits.
fn check<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async { Attached::new().drive(body).await.expect("no exit signal ends the test") })
}

/// Waits until `pid` is gone, and says why.
async fn end_of(pid: Pid) -> ExitReason {
    let watched = process::monitor(pid);
    receive! { Down { monitor, reason, .. } if monitor == watched => reason }
}

/// Runs the body as a process of its own, and says why it ended.
async fn end_of_process<F: Future + Send + 'static>(body: F) -> ExitReason {
    let (pid, watched) = spawn_monitor(body);
    receive! { Down { monitor, reason, .. } if monitor == watched => { let _ = pid; reason } }
}

/// Nothing is in the mailbox, now or when everybody had a turn.
#[track_caller]
fn assert_empty_mailbox() {
    let messages = process::flush();
    assert!(messages.is_empty(), "{messages:?}");
}
