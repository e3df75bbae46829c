//! Priority: who is polled first when many can go on.
//!
//! Tokio keeps one queue of the tasks that can go on, first come, first served. Priority is laid over it by giving way:
//! a process whose turn has come goes back to the end of the queue without a step. A process of high priority never
//! does, one of normal priority does while a high one of its runtime waits for its turn, and one of low priority gives
//! way a few times in any case. How often is bounded, so that nobody starves. As long as no process of high priority
//! waits, a normal one pays for all this with two loads.

use super::train::{self, Home};
use std::sync::atomic::{AtomicU8, Ordering};

/// How urgent the work of a process is: what [`Flag::Priority`](crate::Flag::Priority) takes.
///
/// It decides who goes first among processes that can go on; a process that waits costs nothing, whatever its priority.
/// A process of high priority that is never done slows the others down to about a thirtieth of its steps, and does not
/// stop them. The priority of an [`Attached`](crate::process::Attached) process has no effect, since it is not in the
/// queue that the others wait in.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::process::Priority;
///
/// let alarm = spawn(async {
///     process::flag(Flag::Priority, Priority::High);
///     receive! { "fire" => () }
/// });
/// process::sleep(ms(10)).await;
/// assert_eq!(process::info(alarm).unwrap().priority, Priority::High);
/// # });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Priority {
    /// For work that nobody waits for: a step at every eighth turn.
    Low,
    /// What a process has unless it is told otherwise.
    #[default]
    Normal,
    /// For little work that must not wait. Others give way, so it is no good for much work.
    High,
}

/// How often in a row a process gives way to those of high priority.
const TO_HIGH: u8 = 31;
/// How often in a row a process of low priority gives way to all others.
const TO_ALL: u8 = 7;

impl Priority {
    /// As a record keeps it.
    pub(crate) const fn as_byte(self) -> u8 {
        self as u8
    }

    /// Takes back what [`as_byte`](Priority::as_byte) gave.
    pub(crate) const fn of_byte(byte: u8) -> Priority {
        match byte {
            0 => Priority::Low,
            1 => Priority::Normal,
            _ => Priority::High,
        }
    }

    /// Whether a process gives way once more, that did so `times` times since its last step.
    fn gives_way(self, times: u8, high_waits: impl FnOnce() -> bool) -> bool {
        match self {
            Priority::High => false,
            Priority::Low if times < TO_ALL => true,
            Priority::Low | Priority::Normal => times < TO_HIGH && high_waits(),
        }
    }
}

/// Whether a process of that runtime goes on now. If not, it goes to the end of the queue.
/// `given_way` is how often that was not so since its last step.
pub(super) fn has_come(priority: Priority, given_way: &AtomicU8, home: Home) -> bool {
    let times = given_way.load(Ordering::Relaxed);
    let gives_way = priority.gives_way(times, || train::does_high_wait(home));
    if gives_way || times > 0 {
        given_way.store(if gives_way { times + 1 } else { 0 }, Ordering::Relaxed);
    }
    !gives_way
}
