//! Why a run ended early, told so that a reader can act on it.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

/// How many lines of the failing cell are shown.
const SHOWN_LINES: usize = 8;

/// What made a cell fail.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cause {
    /// The kernel says so.
    Error {
        /// The kind of error.
        ename: String,
        /// What went wrong.
        evalue: String,
        /// The report by lines.
        traceback: Vec<String>,
    },
    /// It took longer than it may.
    TimedOut {
        /// How long it may take.
        limit: Duration,
        /// Whether the interrupt ended it.
        obeyed: bool,
    },
    /// The user pressed Ctrl-C.
    Interrupted,
    /// The kernel's process has ended.
    KernelDied(String),
}

impl Cause {
    /// The cause in the content of an execute reply; none when it says that all went well.
    pub(super) fn of_reply(content: &Value) -> Option<Cause> {
        let text = |key: &str| content[key].as_str().unwrap_or_default().to_owned();
        match content["status"].as_str() {
            Some("ok") => None,
            Some("error") => {
                let traceback = content["traceback"].as_array().into_iter().flatten();
                let traceback = traceback.filter_map(Value::as_str).map(str::to_owned).collect();
                Some(Cause::Error {
                    ename: text("ename"),
                    evalue: text("evalue"),
                    traceback,
                })
            }
            _ => Some(Cause::Error {
                ename: "Aborted".to_owned(),
                evalue: "the kernel did not execute this cell".to_owned(),
                traceback: Vec::new(),
            }),
        }
    }

    /// The cause, when the interrupt did not help.
    pub(super) fn ignored(self) -> Cause {
        match self {
            Cause::TimedOut { limit, .. } => Cause::TimedOut { limit, obeyed: false },
            other => other,
        }
    }

    fn headline(&self) -> String {
        match self {
            Cause::Error { ename, evalue, .. } => format!("{ename}: {}", evalue.lines().next().unwrap_or_default()),
            Cause::TimedOut { limit, obeyed } => {
                let end = if *obeyed {
                    "and was interrupted"
                } else {
                    "and did not end when interrupted"
                };
                format!(
                    "it took longer than {} s {end}; --timeout allows more",
                    limit.as_secs_f64()
                )
            }
            Cause::Interrupted => "it was interrupted".to_owned(),
            Cause::KernelDied(how) => how.clone(),
        }
    }
}

/// The cell that ended a run.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Which of the code cells it is, from 1; 0 if none was reached.
    pub(super) cell: usize,
    /// How many code cells there are.
    pub(super) cells: usize,
    /// Its id.
    pub(super) id: String,
    /// Its code.
    pub(super) source: String,
    /// What happened.
    pub(super) cause: Cause,
}

impl Failure {
    /// What happened before the first cell.
    pub(super) fn before_cells(cause: Cause) -> Failure {
        Failure {
            cell: 0,
            cells: 0,
            id: String::new(),
            source: String::new(),
            cause,
        }
    }

    /// The kernel ended before the first cell.
    pub(super) fn of_kernel(how: String) -> Failure {
        Failure::before_cells(Cause::KernelDied(how))
    }

    /// The message for the user, with the colours of the traceback.
    pub(super) fn report(&self, notebook: &str) -> String {
        if self.cell == 0 {
            return format!("{notebook}: {}", self.cause.headline());
        }
        let mut report = format!(
            "{notebook}: code cell {} of {} (id {}) failed: {}\n",
            self.cell,
            self.cells,
            self.id,
            self.cause.headline()
        );
        report.push('\n');
        let lines: Vec<&str> = self.source.lines().collect();
        for (number, line) in lines.iter().take(SHOWN_LINES).enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {:>3} | {line}", number + 1);
        }
        if lines.len() > SHOWN_LINES {
            let _ = writeln!(report, "      | … {} more lines", lines.len() - SHOWN_LINES);
        }
        if let Cause::Error { traceback, .. } = &self.cause
            && !traceback.is_empty()
        {
            let _ = write!(report, "\n{}\n", traceback.join("\n").trim_end());
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(cause: Cause) -> Failure {
        let source = (1..=10).map(|line| format!("line {line};\n")).collect();
        Failure {
            cell: 3,
            cells: 7,
            id: "abc".to_owned(),
            source,
            cause,
        }
    }

    #[test]
    fn a_failing_cell_is_told_by_number_first_lines_and_traceback() {
        let content =
            json!({"status": "error", "ename": "Panic", "evalue": "BOOM\nmore", "traceback": ["at 1", "at 2"]});
        let report = failure(Cause::of_reply(&content).unwrap()).report("a.ipynb");
        assert!(
            report.starts_with("a.ipynb: code cell 3 of 7 (id abc) failed: Panic: BOOM\n"),
            "{report}"
        );
        assert!(report.contains("    1 | line 1;\n"), "{report}");
        assert!(report.contains("    8 | line 8;\n      | … 2 more lines\n"), "{report}");
        assert!(report.ends_with("\nat 1\nat 2\n"), "{report}");
    }

    #[test]
    fn a_timeout_names_the_limit_and_the_option() {
        let timed_out = Cause::TimedOut {
            limit: Duration::from_millis(1500),
            obeyed: true,
        };
        let report = failure(timed_out.clone()).report("a.ipynb");
        assert!(
            report.contains("longer than 1.5 s and was interrupted; --timeout"),
            "{report}"
        );
        assert!(
            failure(timed_out.ignored())
                .report("a.ipynb")
                .contains("did not end when interrupted")
        );
    }

    #[test]
    fn success_is_no_cause_and_an_abort_is_one() {
        assert_eq!(Cause::of_reply(&json!({"status": "ok"})), None);
        assert!(matches!(
            Cause::of_reply(&json!({"status": "aborted"})),
            Some(Cause::Error { .. })
        ));
    }
}
