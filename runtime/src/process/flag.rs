//! Flags: what a process sets about itself.

use super::current;
use super::priority::Priority;
use super::record::Record;
use super::state::State;
use std::fmt;

/// What [`flag`] sets, with the type of its value.
pub struct Flag<T> {
    name: &'static str,
    replace: fn(&Record, &mut State, T) -> T,
}

#[expect(non_upper_case_globals, reason = "flags are written like the variants of an enum")]
impl Flag<bool> {
    /// Exit signals become [`Exit`](crate::Exit) messages. `false` in a new process.
    pub const TrapExit: Flag<bool> = Flag {
        name: "TrapExit",
        replace: |_, state, value| std::mem::replace(&mut state.trap_exit, value),
    };
}

#[expect(non_upper_case_globals, reason = "flags are written like the variants of an enum")]
impl Flag<Priority> {
    /// Who goes first. [`Normal`](Priority::Normal) in a new process.
    pub const Priority: Flag<Priority> = Flag {
        name: "Priority",
        replace: |record, _, value| record.set_priority(value),
    };
}

impl<T> Clone for Flag<T> {
    fn clone(&self) -> Flag<T> {
        *self
    }
}

impl<T> Copy for Flag<T> {}

impl<T> fmt::Debug for Flag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Sets a flag of the calling process, and returns how it was.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::process::Priority;
///
/// let before = process::flag(Flag::TrapExit, true);
/// assert!(!before);
/// process::exit(me(), "a reason");
/// receive! { Exit { from, .. } => assert_eq!(from, me()) }
///
/// assert_eq!(process::flag(Flag::Priority, Priority::High), Priority::Normal);
/// # });
/// ```
///
/// # Panics
/// Outside of a process.
#[track_caller]
pub fn flag<T>(flag: Flag<T>, value: T) -> T {
    let process = current::expect("process::flag");
    let before = (process.record).update(process.pid, |state| (flag.replace)(process.record, state, value));
    before.expect("the process that runs is alive")
}
