//! The promises of Elixir's own tests and of OTP's, one test for each, named after the promise; a comment says where it is made.

mod agent;
mod application;
mod book;
#[path = "../common/mod.rs"]
mod common;
mod dynamic_supervisor;
mod ets;
mod gen_server;
mod io;
mod partition_supervisor;
mod process;
mod registry;
mod signal;
mod supervision;
mod supervisor;
mod supervisor_restarts;
mod supervisor_significant;
mod sys;
mod task;
mod task_supervisor;

use common::{check, end_of};
use crabtree::prelude::*;

/// Runs the body as a process of its own, and says why it ended.
async fn end_of_process<F: Future + Send + 'static>(body: F) -> ExitReason {
    let (pid, watched) = spawn_monitor(body);
    receive! { Down { monitor, reason, .. } if monitor == watched => { let _ = pid; reason } }
}

/// Begins a process that waits until it is ended.
fn idle() -> Pid {
    spawn(std::future::pending::<()>())
}

/// Nothing is in the mailbox, now or when everybody had a turn.
#[track_caller]
fn assert_empty_mailbox() {
    let messages = crabtree::process::flush();
    assert!(messages.is_empty(), "{messages:?}");
}
