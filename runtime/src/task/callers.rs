//! On whose behalf a task runs.

use crate::pid::Pid;
use crate::process::current;
use crate::process::state::State;
use std::iter;

/// How many callers are remembered: what a task that starts its own successor knows must not grow.
const MOST: usize = 32;

/// The callers of the task that the calling process is about to start.
pub(super) fn of_next() -> Box<[Pid]> {
    let Some(starter) = current::get() else {
        return Box::default();
    };
    after(starter.pid, &mut starter.record.lock())
}

/// The callers of a task that `starter`, whose state that is, is about to start.
pub(super) fn after(starter: Pid, state: &mut State) -> Box<[Pid]> {
    match state.callers().unwrap_or_default() {
        // Most callers are no tasks.
        [] => Box::new([starter]),
        above => iter::once(starter).chain(above.iter().copied()).take(MOST).collect(),
    }
}

/// On whose behalf a task runs: the process that started it; if that is a task itself, the process that started that
/// one; and so on, for 32 steps at most. A process that is no task has no callers.
///
/// A task under a [supervisor](super::supervisor) is a child of the supervisor, but its caller is whoever asked for it.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let parent = me();
/// let task = task::async_(async move {
///     assert_eq!(task::callers(), [parent]);
///     let child = me();
///     task::async_(async move { assert_eq!(task::callers(), [child, parent]) }).await
/// });
/// task.await??;
/// assert_eq!(task::callers(), []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn callers() -> Vec<Pid> {
    let process = current::expect("task::callers");
    process.record.lock().callers().unwrap_or_default().to_vec()
}
