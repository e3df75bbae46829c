//! Tasks that begin and run at once: all that they are in relation to is entered while the process is made.

use super::callers;
use crate::pid::{MonitorRef, Pid, Ref};
use crate::process::state::{Answer, Ends, State};
use crate::process::task::{self, Body, Start};

/// Runs a task of the calling process, if there is one.
pub(super) fn begin(start: Start, body: Body) -> Pid {
    task::start_with(start, body, callers::after, enter_callers)
}

/// Runs a task of the calling process, which hears what the task says under that reference.
pub(super) fn begin_owned(start: Start, body: Body, monitor: MonitorRef) -> Pid {
    let with_owner = |owner: Pid, state: &mut State| {
        own(state, monitor.0);
        callers::after(owner, state)
    };
    task::start_with(start, body, with_owner, enter_callers)
}

/// Runs a task that the calling process starts on behalf of others.
pub(super) fn begin_for(callers: Box<[Pid]>, start: Start, body: Body) -> Pid {
    task::start_with(start, body, |_, _| callers, enter_callers)
}

/// Has the process hear what a task says under that reference.
pub(super) fn own(owner: &mut State, monitor: Ref) {
    let ends = Ends {
        with_monitor: true,
        with_reply: false,
    };
    owner.relations_mut().calls.insert(monitor, Answer::Alias(ends));
}

/// Notes in the state of a task on whose behalf it runs.
pub(super) fn enter_callers(task: &mut State, callers: Box<[Pid]>) {
    task.relations_mut().callers = Some(callers);
}
