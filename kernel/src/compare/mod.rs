//! `crabtree compare` and `crabtree run --check`: whether a notebook still shows what it showed when it was saved.
//!
//! Two runs of a notebook never put out the same bytes. Pids differ, times differ, processes that run side by side
//! speak in turn as they like. What is compared is what a reader learns: every line, every value, the words of every
//! picture, the kind and message of every error. See [`text`] for what may differ within a line; tags of a cell
//! allow more:
//!
//! - `unordered-output`: lines may come in any order.
//! - `varying-numbers`: a number may stand for another one, as a pid does. It is for states drawn by chance.
//! - `varying-output`: only the kinds of outputs are compared. It is for what was measured.
//!
//! # Layout
//!
//! - [`seen`]: what a cell shows, taken from the file.
//! - [`text`]: whether two lines say the same.

mod seen;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::Value;

use self::seen::{Kind, Seen};
use self::text::{Names, Numbers, without_names};

/// Which notebooks, and how.
#[derive(clap::Args, Debug)]
pub(crate) struct CompareOptions {
    /// The notebook with the outputs that are expected.
    saved: PathBuf,
    /// The same notebook, as it was executed now.
    executed: PathBuf,
    /// Let an output of a process be below any cell, as nbconvert and papermill have it.
    #[arg(long)]
    late_anywhere: bool,
}

/// Compares two files and prints how they differ.
///
/// # Errors
///
/// A file cannot be read or is no notebook, or they are not two runs of the same one.
pub(crate) fn compare(options: &CompareOptions) -> anyhow::Result<ExitCode> {
    let saved = read(&options.saved)?;
    let executed = read(&options.executed)?;
    let found = differences(&saved, &executed, options.late_anywhere)
        .with_context(|| format!("cannot compare {}", options.executed.display()))?;
    Ok(report(&options.executed, &found))
}

/// How a run of the notebook of this file differs from what the file holds.
///
/// # Errors
///
/// The file cannot be read, or its cells have no ids.
pub(crate) fn with_saved(saved: &Path, executed: &str) -> anyhow::Result<Vec<Difference>> {
    let executed: Value = serde_json::from_str(executed).context("what was executed is not JSON")?;
    differences(&read(saved)?, &executed, false).with_context(|| format!("cannot compare {}", saved.display()))
}

/// Prints the differences; the status says whether there are any.
pub(crate) fn report(executed: &Path, found: &[Difference]) -> ExitCode {
    if found.is_empty() {
        eprintln!("{}: shows what was saved", executed.display());
        return ExitCode::SUCCESS;
    }
    for difference in found {
        eprintln!("{}: {difference}", executed.display());
    }
    ExitCode::FAILURE
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON, as notebooks are", path.display()))
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The cell's id; none when it is about the notebook as a whole.
    cell: Option<String>,
    /// Which of the cell's outputs, and where in it.
    place: String,
    /// What was saved there.
    saved: Option<String>,
    /// What came now.
    executed: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cell {
            Some(cell) => writeln!(f, "cell {cell}, {}", self.place)?,
            None => writeln!(f, "{}", self.place)?,
        }
        let told = |side: &Option<String>| match side {
            Some(text) => format!("{text:?}"),
            None => "nothing".to_owned(),
        };
        write!(
            f,
            "  saved:    {}\n  executed: {}",
            told(&self.saved),
            told(&self.executed)
        )
    }
}

/// How the outputs of two runs of a notebook differ. The documents are those of its files.
///
/// With `late_anywhere`, what was written or displayed may be below another cell than it was.
///
/// # Errors
///
/// They are not two runs of the same notebook.
fn differences(saved: &Value, executed: &Value, late_anywhere: bool) -> anyhow::Result<Vec<Difference>> {
    let (saved, executed) = (seen::cells(saved)?, seen::cells(executed)?);
    let ids = |cells: &[Seen]| cells.iter().map(|cell| cell.id.clone()).collect::<Vec<_>>();
    if ids(&saved) != ids(&executed) {
        bail!(
            "the notebooks have different cells: one was changed, or its cells have no ids of their own \
             (notebooks of format 4.5 and later keep them)"
        );
    }
    let mut comparison = Comparison::default();
    for (saved, executed) in saved.iter().zip(&executed) {
        comparison.cell(saved, executed, late_anywhere);
    }
    if late_anywhere {
        comparison.anywhere(&saved, &executed);
    }
    Ok(comparison.found)
}

#[derive(Default)]
struct Comparison {
    names: Names,
    found: Vec<Difference>,
}

impl Comparison {
    fn cell(&mut self, saved: &Seen, executed: &Seen, late_anywhere: bool) {
        let fixed = |kind: &&Kind| !late_anywhere || !kind.may_be_late();
        let (kinds, now) = (saved.kinds(), executed.kinds());
        if saved.varies {
            let (kinds, now): (Vec<_>, Vec<_>) =
                (kinds.iter().filter(fixed).collect(), now.iter().filter(fixed).collect());
            if kinds != now {
                let told = |kinds: &[&Kind]| Some(kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
                self.differs(saved, "kinds of outputs".to_owned(), told(&kinds), told(&now));
            }
            return;
        }
        let mut all = kinds;
        all.extend(now);
        all.sort();
        all.dedup();
        for kind in all.iter().filter(fixed) {
            self.lines(saved, kind, &saved.lines(kind), &executed.lines(kind));
        }
    }

    /// Compares one kind of output of one cell; one difference is told, the first.
    fn lines(&mut self, cell: &Seen, kind: &Kind, saved: &[&str], executed: &[&str]) {
        if cell.unordered {
            self.unordered_lines(cell, kind, saved, executed);
            return;
        }
        let longest = saved.len().max(executed.len());
        for line in 0..longest {
            let (before, now) = (saved.get(line).copied(), executed.get(line).copied());
            let same = matches!((before, now), (Some(before), Some(now)) if self.names.same(before, now, cell.numbers));
            if !same {
                let place = format!("{kind}, line {}", line + 1);
                self.differs(cell, place, before.map(str::to_owned), now.map(str::to_owned));
                return;
            }
        }
    }

    fn unordered_lines(&mut self, cell: &Seen, kind: &Kind, saved: &[&str], executed: &[&str]) {
        let mut left: Vec<&str> = executed.to_vec();
        for line in saved {
            match left.iter().position(|other| self.names.same(line, other, cell.numbers)) {
                Some(found) => drop(left.remove(found)),
                None => {
                    let now = left.first().map(|line| (*line).to_owned());
                    self.differs(cell, format!("{kind}, in any order"), Some((*line).to_owned()), now);
                    return;
                }
            }
        }
        if let Some(line) = left.first() {
            self.differs(cell, format!("{kind}, in any order"), None, Some((*line).to_owned()));
        }
    }

    /// Compares what may be late in the whole notebook, below whichever cell it is. Since the order says nothing here,
    /// it is not asked which pid is which.
    fn anywhere(&mut self, saved: &[Seen], executed: &[Seen]) {
        // What belongs to a cell that varies may now stand elsewhere, where it cannot be told from what is new.
        let by_chance = saved.iter().any(|cell| cell.numbers == Numbers::Name);
        let numbers = if by_chance { Numbers::Name } else { Numbers::Count };
        let extra_allowed = saved.iter().any(|cell| cell.varies);
        let late = |cells: &[Seen], all: bool| -> Vec<(Kind, String)> {
            cells
                .iter()
                .filter(|cell| all || !cell.varies)
                .flat_map(|cell| {
                    cell.late_lines()
                        .map(|(kind, line)| (kind, without_names(line, numbers)))
                })
                .collect()
        };
        let mut left = late(executed, true);
        for line in late(saved, false) {
            match left.iter().position(|other| *other == line) {
                Some(found) => drop(left.swap_remove(found)),
                None => self.found.push(Difference {
                    cell: None,
                    place: format!("{}, below any cell", line.0),
                    saved: Some(line.1),
                    executed: None,
                }),
            }
        }
        if extra_allowed {
            return;
        }
        self.found.extend(left.into_iter().map(|(kind, line)| Difference {
            cell: None,
            place: format!("{kind}, below any cell"),
            saved: None,
            executed: Some(line),
        }));
    }

    fn differs(&mut self, cell: &Seen, place: String, saved: Option<String>, executed: Option<String>) {
        self.found.push(Difference {
            cell: Some(cell.id.clone()),
            place,
            saved,
            executed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notebook(cells: &[(&str, &[&str], Value)]) -> Value {
        let cell = |(id, tags, outputs): &(&str, &[&str], Value)| json!({"cell_type": "code", "id": id, "metadata": {"tags": tags}, "source": "", "outputs": outputs});
        json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells.iter().map(cell).collect::<Vec<_>>()})
    }

    fn printed(text: &str) -> Value {
        json!([{"output_type": "stream", "name": "stdout", "text": text}])
    }

    fn value(text: &str) -> Value {
        json!([{"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}, "execution_count": 1}])
    }

    /// The differences of a single cell's outputs, as they are told.
    fn told(tags: &[&str], saved: Value, executed: Value) -> Vec<String> {
        let found = differences(
            &notebook(&[("one", tags, saved)]),
            &notebook(&[("one", tags, executed)]),
            false,
        );
        found.unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_wrong_number_and_a_missing_line_are_told_with_their_places() {
        assert_eq!(
            told(&[], printed("a\ncount: 1\n"), printed("a\ncount: 2\n")),
            ["cell one, stdout, line 2\n  saved:    \"count: 1\"\n  executed: \"count: 2\""]
        );
        assert_eq!(
            told(&[], printed("a\nb\n"), printed("a\n")),
            ["cell one, stdout, line 2\n  saved:    \"b\"\n  executed: nothing"]
        );
        assert_eq!(
            told(&[], value("1"), json!([])),
            ["cell one, value as text/plain, line 1\n  saved:    \"1\"\n  executed: nothing"]
        );
    }

    #[test]
    fn pids_and_times_may_differ_but_not_who_is_who() {
        let saved = printed("<0.5.0> asks <0.6.0>\n<0.6.0> answers in 12 ms\n");
        assert!(
            told(
                &[],
                saved.clone(),
                printed("<0.9.0> asks <0.7.0>\n<0.7.0> answers in 1.5 s\n")
            )
            .is_empty()
        );
        assert_eq!(
            told(&[], saved, printed("<0.9.0> asks <0.7.0>\n<0.9.0> answers in 12 ms\n")).len(),
            1,
            "another one answers"
        );
    }

    #[test]
    fn streams_that_were_cut_otherwise_show_the_same() {
        let piece = |name: &str, text: &str| json!({"output_type": "stream", "name": name, "text": [text]});
        let saved = json!([piece("stdout", "a\n"), piece("stderr", "e\n"), piece("stdout", "b\n")]);
        let executed = json!([piece("stderr", "e\n"), piece("stdout", "a\nb\n")]);
        assert!(told(&[], saved, executed).is_empty());
    }

    #[test]
    fn lines_may_be_in_any_order_where_the_cell_says_so() {
        let (saved, executed) = (printed("a <0.1.0>\nb <0.2.0>\n"), printed("b <0.8.0>\na <0.9.0>\n"));
        assert_eq!(told(&[], saved.clone(), executed.clone()).len(), 1);
        assert!(told(&["unordered-output"], saved.clone(), executed).is_empty());
        assert_eq!(
            told(&["unordered-output"], saved.clone(), printed("b <0.8.0>\n")).len(),
            1
        );
        assert_eq!(
            told(&["unordered-output"], saved, printed("b <0.8.0>\na <0.9.0>\nc\n")).len(),
            1
        );
    }

    #[test]
    fn a_number_drawn_by_chance_stays_the_same_one() {
        let tags = &["varying-numbers"];
        let saved = printed("state: 17\nafter a crash: 18\n");
        assert!(told(tags, saved.clone(), printed("state: 440\nafter a crash: 7\n")).is_empty());
        assert_eq!(told(tags, saved, printed("state: 440\nafter a crash: 440\n")).len(), 1);
    }

    #[test]
    fn what_varies_is_compared_by_kind() {
        let tags = &["varying-output"];
        assert!(told(tags, value("17"), value("4")).is_empty());
        assert_eq!(
            told(tags, value("17"), printed("4\n")),
            ["cell one, kinds of outputs\n  saved:    \"value as text/plain\"\n  executed: \"stdout\""]
        );
    }

    #[test]
    fn of_a_picture_the_words_are_compared_and_not_the_places() {
        let picture = |x: u32, name: &str| {
            let svg = format!("<svg><title>Tree</title><text x=\"{x}\">{name} &lt;0.{x}.0&gt;</text></svg>");
            json!([{"output_type": "display_data", "metadata": {},
                "data": {"image/svg+xml": svg, "text/html": format!("<img src='data:{x}'>"), "text/plain": name}}])
        };
        assert!(told(&[], picture(1, "Sup"), picture(2, "Sup")).is_empty());
        assert_eq!(told(&[], picture(1, "Sup"), picture(1, "Other")).len(), 2);
    }

    #[test]
    fn a_widget_is_the_same_for_those_who_cannot_use_it() {
        let shown = |data: Value| json!([{"output_type": "display_data", "metadata": {}, "data": data}]);
        let widget =
            json!({"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/html": "<p>Button</p>"});
        let page = json!({"text/html": "<p>Button</p>"});
        assert!(told(&[], shown(widget), shown(page)).is_empty());
    }

    #[test]
    fn an_error_that_is_another_or_is_missing_is_a_difference() {
        let error =
            |evalue: &str| json!([{"output_type": "error", "ename": "Panic", "evalue": evalue, "traceback": [evalue]}]);
        assert!(told(&[], error("boom <0.1.0>"), error("boom <0.3.0>")).is_empty());
        assert_eq!(told(&[], error("boom"), error("bang")).len(), 1);
        assert_eq!(told(&[], error("boom"), json!([])).len(), 1);
    }

    #[test]
    fn late_output_may_be_below_any_cell_where_that_is_allowed() {
        let saved = notebook(&[("one", &[], printed("late <0.1.0>\n")), ("two", &[], printed("now\n"))]);
        let executed = |second: &str| notebook(&[("one", &[], json!([])), ("two", &[], printed(second))]);
        assert_eq!(
            differences(&saved, &executed("now\nlate <0.7.0>\n"), false)
                .unwrap()
                .len(),
            2
        );
        assert_eq!(differences(&saved, &executed("now\nlate <0.7.0>\n"), true).unwrap(), []);
        assert_eq!(
            differences(&saved, &executed("now\n"), true).unwrap().len(),
            1,
            "missing"
        );
        assert_eq!(
            differences(&saved, &executed("now\nlate <0.7.0>\nmore\n"), true)
                .unwrap()
                .len(),
            1,
            "too much"
        );
    }

    #[test]
    fn different_notebooks_are_refused() {
        let error = differences(
            &notebook(&[("one", &[], json!([]))]),
            &notebook(&[("two", &[], json!([]))]),
            false,
        );
        assert!(error.unwrap_err().to_string().contains("different cells"));
        assert!(differences(&json!([]), &json!({}), false).is_err());
    }
}
