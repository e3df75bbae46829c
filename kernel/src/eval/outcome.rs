//! From what the link and evcxr say about a cell to its outcome.

use crabtree_link::{CellEnd, Replaced};

use super::locate::Listings;
use super::{CellError, Outcome, report};
use crate::cache::Difference;

/// The outcome of a cell whose code came to its end.
/// `lost` are the variables that went with it.
pub(super) fn of_cell(end: CellEnd, listings: &Listings, lost: &[String]) -> Outcome {
    let located = |text| listings.locate(text, None);
    match end {
        CellEnd::Done => Outcome::Ok,
        CellEnd::Failed { type_name, text } => {
            let text = located(text);
            let traceback = report::at_place(&type_name, &text, None);
            error(&type_name, text, traceback)
        }
        CellEnd::Panicked {
            message,
            location,
            backtrace,
        } => {
            let message = located(message);
            let place = location.as_deref().and_then(|location| listings.find(location));
            let source = place.and_then(|place| listings.source(place.count));
            let known = place
                .zip(source.as_deref())
                .map(|(place, source)| (place.count, place.position, source));
            let mut traceback = report::at_place("panic", &message, known);
            if let Some(location) = location.filter(|_| known.is_none()) {
                traceback.push(format!(" --> {location}"));
            }
            traceback.extend(located(backtrace).lines().map(str::to_owned));
            error("panic", message, traceback)
        }
        CellEnd::Exited { reason } => {
            let reason = located(reason);
            let text = format!("the cell exited: {reason}");
            error("exit", reason, report::at_place("exit", &text, None))
        }
        CellEnd::Killed(replaced) => {
            let text = located(describe(&replaced));
            let traceback = report::at_place("exit signal", &text, None);
            error("ExitSignal", text, traceback)
        }
        CellEnd::Interrupted => interrupted(),
        CellEnd::Abandoned => abandoned(lost),
    }
}

/// The outcome of a cell that was interrupted.
pub(super) fn interrupted() -> Outcome {
    keyboard_interrupt("the cell was interrupted; its processes live on".to_owned())
}

/// The outcome of a cell that was interrupted in a system call.
fn abandoned(lost: &[String]) -> Outcome {
    let text = "the cell was interrupted while it waited for the operating system; its processes live on";
    keyboard_interrupt(match lost {
        [] => text.to_owned(),
        lost => format!("{text}; lost, as it used them: {}", variables(lost)),
    })
}

fn keyboard_interrupt(text: String) -> Outcome {
    let traceback = report::at_place("interrupt", &text, None);
    error("KeyboardInterrupt", text, traceback)
}

/// The outcome of a cell during which the host died.
pub(super) fn host_died(status: &str, variables: &[String], processes: usize) -> Outcome {
    let text = format!("the host {}; {}", cause(status), loss(variables, processes));
    let mut traceback = report::at_place("host died", &text, None);
    traceback.push("  the next cell runs in a new host; types, functions and imports are still there".to_owned());
    error("HostDied", text, traceback)
}

/// The outcome of a cell of a subshell whose host has died.
pub(super) fn subshell_died() -> Outcome {
    let text = "the host has died, and the subshell with it; run a cell in the main shell, and create another subshell";
    failed("HostDied", text.to_owned())
}

/// What to say when a host has died since the last cell.
pub(super) fn host_died_before(variables: &[String], processes: usize) -> String {
    format!(
        "The host died since the last cell; {}. This cell runs in a new host.\n",
        loss(variables, processes)
    )
}

/// What to say when an evaluator has died since the last cell.
pub(super) fn evaluator_died_before(replaced: &Replaced) -> String {
    format!("Since the last cell, {}.\n", describe(replaced))
}

/// The outcome of a cell whose dependencies cannot be had beside what there is: `lost` says what goes with the host.
pub(super) fn needs_library(names: &[String], changes: &[Difference], lost: &str) -> Outcome {
    let names = names.join(", ");
    let text = format!(
        "{names}: all cells of a session share one library, and this needs another one, with {}; that would end the host, \
         and with it {lost}. Restart the kernel and run this cell first, or begin it with the line `:restart`",
        list(changes)
    );
    failed("DependencyError", text)
}

/// The outcome of a cell whose dependencies ask for a library that cannot be built.
pub(super) fn no_such_library(changes: &[Difference]) -> Outcome {
    let text = format!(
        "the library that all cells share cannot be built as this cell's dependencies need it, with {}",
        list(changes)
    );
    failed("DependencyError", text)
}

/// What to say when a session begins anew with another library.
pub(super) fn another_library(changes: &[Difference]) -> String {
    format!("The library that all cells share is needed with {}", list(changes))
}

fn list(changes: &[Difference]) -> String {
    let changes: Vec<String> = changes.iter().map(Difference::to_string).collect();
    changes.join(", ")
}

/// The outcome of a cell that did not get as far as running, and not because of its code.
pub(super) fn failed(ename: &str, text: String) -> Outcome {
    let traceback = report::at_place(ename, &text, None);
    error(ename, text, traceback)
}

fn error(ename: &str, evalue: String, traceback: Vec<String>) -> Outcome {
    Outcome::Error(CellError {
        ename: ename.to_owned(),
        evalue,
        traceback,
    })
}

fn describe(replaced: &Replaced) -> String {
    let Replaced {
        evaluator,
        reason,
        successor,
    } = replaced;
    format!("the evaluator {evaluator} was ended by an exit signal: {reason}; {successor} takes over")
}

/// What became of a host, from evcxr's words about it.
fn cause(status: &str) -> String {
    let status = status
        .split("terminated with status: ")
        .last()
        .unwrap_or_default()
        .trim();
    let status = status.trim_end_matches(" (core dumped)");
    if let Some(signal) = status.strip_prefix("signal: ") {
        let name = signal.split(['(', ')']).nth(1).unwrap_or(signal);
        format!("was killed by {name}")
    } else if let Some(code) = status.strip_prefix("exit status: ") {
        format!("exited with status {code}")
    } else {
        format!("died ({status})")
    }
}

fn variables(names: &[String]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("the variable{plural} {}", names.join(", "))
}

fn loss(names: &[String], processes: usize) -> String {
    let processes = processes_of(processes).unwrap_or_else(|| "all processes".to_owned());
    let lost: Vec<String> = variables_of(names).into_iter().chain([processes]).collect();
    format!("lost: {}", lost.join(" and "))
}

/// Names the variables, if there are any.
pub(super) fn variables_of(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| variables(names))
}

/// Counts the processes, if there are any.
pub(super) fn processes_of(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("the one process".to_owned()),
        count => Some(format!("all {count} processes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_host_is_told_with_its_signal_and_its_losses() {
        let status = "Subprocess terminated with status: signal: 6 (SIGABRT) (core dumped)";
        assert_eq!(cause(status), "was killed by SIGABRT");
        assert_eq!(
            cause("Subprocess terminated with status: exit status: 3"),
            "exited with status 3"
        );
        assert_eq!(
            loss(&["a".to_owned(), "b".to_owned()], 3),
            "lost: the variables a, b and all 3 processes"
        );
        assert_eq!(loss(&[], 1), "lost: the one process");
    }
}
