//! Running processes from a program that has none yet.

use crate::node::node;
use crate::process::Attached;
use std::future::Future;
use std::time::Duration;

/// Runs a future as the main process of a program, and returns its output.
///
/// The processes that it spawns run beside it on the node's threads, and stop when the program does.
///
/// ```
/// use crabtree::prelude::*;
///
/// let answer = crabtree::run(async {
///     let parent = me();
///     spawn(async move { send(parent, 6 * 7) });
///     receive! { n: i32 => n }
/// });
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
/// When called from within a tokio runtime, and when an exit signal ends the main process.
pub fn run<F: Future>(future: F) -> F::Output {
    block_on(async {
        let mut main = Attached::new();
        match main.drive(future).await {
            Ok(output) => output,
            Err(reason) => panic!("an exit signal ended the main process {}: {reason}", main.pid()),
        }
    })
}

/// Runs a future on the node's threads, but not as a process.
///
/// # Panics
/// When called from within a tokio runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    node().runtime().block_on(future)
}

/// So many milliseconds.
///
/// ```
/// assert_eq!(crabtree::ms(1500), std::time::Duration::from_millis(1500));
/// ```
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// So many seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
