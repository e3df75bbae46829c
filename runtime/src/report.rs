//! Crash reports: what the group leader of a crashed process is told.

use crate::ExitReason;
use crate::io::{self, Stream};
use crate::me;
use crate::name::Name;
use crate::node::node;
use crate::pid::Pid;
use crate::process::{self, current};
use std::fmt::{self, Write};
use std::time::Duration;

/// Reports that the calling process panicked.
pub(crate) fn panicked(reason: &ExitReason) {
    if !task(reason) {
        error(&format!("Process {} terminating", who()), reason, &[]);
    }
}

/// Reports that the calling process ended itself, if that is news: of a task, when it is no orderly end.
///
/// A plain process that exits with a reason of its own choice has said what it had to say, as in OTP.
pub(crate) fn exited(reason: &ExitReason) {
    if !reason.is_orderly() {
        task(reason);
    }
}

/// Reports the end of the calling process if it is a task, and says whether it is one.
fn task(reason: &ExitReason) -> bool {
    let Some(process) = current::get() else { return false };
    let found = process.record.update(process.pid, |state| {
        let starter = state.callers()?.first().copied();
        Some((starter, state.origin))
    });
    let Some((starter, origin)) = found.flatten() else {
        return false;
    };
    let name = |pid: Pid| name_of(pid).unwrap_or_else(|| pid.to_string());
    let from = starter.map(|starter| format!(" started from {}", name(starter)));
    let title = format!("Task {}{} terminating", who(), from.unwrap_or_default());
    let function = format!("{}, started at {}", origin.path(), origin.place);
    error(&title, reason, &[("Function", function)]);
    true
}

/// Reports on the error stream of the calling process's group leader, in one piece.
pub(crate) fn error(title: &str, reason: &ExitReason, details: &[(&str, String)]) {
    let mut text = format!("[error] {title}\n** {reason}\n");
    if let ExitReason::Panic(panic) = reason {
        text.push_str(&panic.take_trace());
    }
    for (what, value) in details {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what}: {value}");
    }
    io::write(Stream::Stderr, &text);
}

/// Reports that the calling process, a supervisor, had too many restarts.
pub(crate) fn gives_up(max: u32, period: Duration) {
    let reason = ExitReason::from(format!("more than {max} restarts within {period:?}"));
    error(&format!("Supervisor {} gives up", who()), &reason, &[]);
}

/// Reports that the calling process, a supervisor, could not start a child again.
pub(crate) fn failed_to_restart(id: &Name, reason: &ExitReason) {
    error(&format!("Supervisor {} could not restart {id:?}", who()), reason, &[]);
}

/// Reports that the calling process, a supervisor, had to kill a child.
pub(crate) fn killed(id: &Name, child: Pid, shutdown: Duration) {
    let reason = ExitReason::from(format!("it did not shut down within {shutdown:?}"));
    error(&format!("Supervisor {} killed {id:?}, {child}", who()), &reason, &[]);
}

/// Reports what the calling process, a supervisor, did.
pub(crate) fn progress(what: &str) {
    io::write(Stream::Stderr, format!("[info] Supervisor {}: {what}\n", who()));
}

/// How reports call the calling process: by its name or its label, if it has one, and its pid.
pub(crate) fn who() -> String {
    called(me(), name_of_current().or_else(label_of_current))
}

/// A process as reports call it.
pub(crate) fn called(pid: Pid, name: Option<impl fmt::Display>) -> String {
    match name {
        Some(name) => format!("{name} {pid}"),
        None => pid.to_string(),
    }
}

fn label_of_current() -> Option<String> {
    let process = current::get()?;
    process::get_label(process.pid).map(|label| label.to_string())
}

/// The name of the calling process, if it has one.
pub(crate) fn name_of_current() -> Option<String> {
    name_of(current::get()?.pid)
}

fn name_of(pid: Pid) -> Option<String> {
    let record = node().table.get(pid)?;
    record.update(pid, |state| state.name().map(ToString::to_string))?
}
