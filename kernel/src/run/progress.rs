//! How far a run is: a bar at a terminal, a line per cell elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the bar moves by itself.
const TICK: Duration = Duration::from_millis(100);
/// How much of a cell's first line is shown.
const SHOWN_WIDTH: usize = 48;

/// The progress of one notebook.
pub(super) struct Progress {
    notebook: String,
    /// None when stderr is not a terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows that `notebook` with so many cells to execute is next.
    pub(super) fn start(notebook: &str, cells: usize) -> Progress {
        let bar = console::user_attended_stderr().then(|| {
            let bar = ProgressBar::new(cells as u64).with_prefix(notebook.to_owned());
            let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:24}] {pos}/{len} {elapsed} {msg}");
            // The template is constant; if it were wrong the default style would do.
            bar.set_style(
                style
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
                    .progress_chars("=> "),
            );
            bar.set_message("starting the kernel");
            bar.enable_steady_tick(TICK);
            bar
        });
        Progress {
            notebook: notebook.to_owned(),
            bar,
        }
    }

    /// A cell starts; `done` cells have ended.
    pub(super) fn cell(&self, done: usize, source: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(first_line(source));
        }
    }

    /// The cell after the first `done` ones has ended.
    pub(super) fn cell_done(&self, done: usize, cells: usize, took: Duration, source: &str) {
        if self.bar.is_none() {
            let took = took.as_secs_f64();
            eprintln!(
                "{}: cell {}/{cells} {took:6.2} s  {}",
                self.notebook,
                done + 1,
                first_line(source)
            );
        }
    }
}

/// Takes the bar away.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The first line of code that says something.
fn first_line(source: &str) -> String {
    let said = |line: &&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("use ");
    let line = source
        .lines()
        .map(str::trim)
        .find(said)
        .or_else(|| source.lines().next())
        .unwrap_or_default();
    console::truncate_str(line, SHOWN_WIDTH, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_told_by_its_first_line_that_says_something() {
        for (source, line) in [
            ("use a::b;\n\n// why\nlet x = 1;\nx", "let x = 1;"),
            ("// only a comment", "// only a comment"),
            ("", ""),
        ] {
            assert_eq!(first_line(source), line);
        }
        assert_eq!(console::measure_text_width(&first_line(&"x".repeat(100))), SHOWN_WIDTH);
    }
}
