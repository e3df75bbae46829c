//! Crash reports: what the group leader of a crashed process is told.

use crate::ExitReason;
use crate::io::{self, Stream};
use crate::pid::Pid;
use crate::process::current;
use std::fmt::Write;

/// Reports the end of the calling process, if it is a crash that nobody foresaw: a panic.
///
/// A process that exits with a reason of its own choice has said what it had to say, as in OTP.
pub(crate) fn crash(pid: Pid, reason: &ExitReason) {
    if let ExitReason::Panic(_) = reason {
        let name = name_of_current();
        let who = name.as_deref().map_or_else(|| pid.to_string(), |name| format!("{name} {pid}"));
        error(&format!("Process {who} terminating"), reason, &[]);
    }
}

/// Reports on the error stream of the calling process's group leader, in one piece.
pub(crate) fn error(title: &str, reason: &ExitReason, details: &[(&str, String)]) {
    let mut text = format!("[error] {title}\n** {reason}\n");
    for (what, value) in details {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{what}: {value}");
    }
    io::write(Stream::Stderr, &text);
}

/// The name of the calling process, if it has one.
pub(crate) fn name_of_current() -> Option<String> {
    let process = current::get()?;
    process.record.update(process.pid, |state| state.name().map(ToString::to_string))?
}
