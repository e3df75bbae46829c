//! Whether two lines say the same.
//!
//! Some words are names: pids, references, addresses, local ports. Each run has its own, so that a name may stand for
//! another one, but always for the same, and no two for one. Some are measures: durations, times of day, temporary
//! files. They may be anything. All else must be equal, but for blanks on lines that have such words: how wide a column is
//! depends on all of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

/// A piece of a line.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// The same in each run.
    Fixed(Cow<'a, str>),
    /// The run's own name for something.
    Name(&'a str),
    /// What was measured.
    Measure,
}

static VARYING: LazyLock<Regex> = LazyLock::new(|| varying(""));
static VARYING_OR_NUMBER: LazyLock<Regex> = LazyLock::new(|| varying(r"|(?<number>\d+)"));

fn varying(more: &str) -> Regex {
    let name = r"(?<name>#Ref<[\d.]+>|<\d+\.\d+\.\d+>|\b0x[0-9a-f]{4,}\b|\b(?:127\.0\.0\.1|localhost):\d+)";
    let moment = r"\b(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:\.\d+)?Z?\b";
    let duration = r"\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|s)\b";
    let file = r#"/tmp/[^\s"'<>)]+"#;
    Regex::new(&format!("{name}|{moment}|{duration}|{file}{more}")).expect("a valid expression")
}

/// Whether a number is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// It is, and must be equal.
    Count,
    /// It was drawn by chance, and stands for another one as a pid does.
    Name,
}

fn pieces(line: &str, numbers: Numbers) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut end = 0;
    let varying = match numbers {
        Numbers::Count => &VARYING,
        Numbers::Name => &VARYING_OR_NUMBER,
    };
    for found in varying.captures_iter(line) {
        let whole = found.get_match();
        let name = found.name("name").or_else(|| found.name("number"));
        let before = &line[end..whole.start()];
        pieces.push(Piece::Fixed(match end {
            // Measures at the start of lines are aligned to the right.
            0 if name.is_none() && before.chars().all(|c| matches!(c, ' ' | '│')) => Cow::Borrowed(before.trim_end()),
            0 => Cow::Borrowed(before),
            _ => unpadded(before),
        }));
        pieces.push(name.map_or(Piece::Measure, |name| Piece::Name(name.as_str())));
        end = whole.end();
    }
    let rest = line[end..].trim_end();
    pieces.push(Piece::Fixed(if end == 0 {
        Cow::Borrowed(rest)
    } else {
        unpadded(rest)
    }));
    pieces
}

/// One blank where there are several.
fn unpadded(text: &str) -> Cow<'_, str> {
    if !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    let mut last = 'x';
    let kept = text
        .chars()
        .filter(|&c| std::mem::replace(&mut last, c) != ' ' || c != ' ');
    Cow::Owned(kept.collect())
}

/// The line with a blank for each name and measure.
pub(super) fn without_names(line: &str, numbers: Numbers) -> String {
    let blank = |piece| match piece {
        Piece::Fixed(text) => text,
        Piece::Name(_) | Piece::Measure => Cow::Borrowed("…"),
    };
    pieces(line, numbers).into_iter().map(blank).collect()
}

/// Which name of one run is which of the other.
#[derive(Debug, Default)]
pub(super) struct Names {
    executed_of: HashMap<String, String>,
    saved_of: HashMap<String, String>,
}

impl Names {
    /// Whether both lines say the same. If so, their names belong together from now on.
    pub(super) fn same(&mut self, saved: &str, executed: &str, numbers: Numbers) -> bool {
        let (saved, executed) = (pieces(saved, numbers), pieces(executed, numbers));
        if saved.len() != executed.len() {
            return false;
        }
        let mut new = Vec::new();
        for pair in saved.iter().zip(&executed) {
            match pair {
                (Piece::Name(saved), Piece::Name(executed)) => {
                    match (self.executed_of.get(*saved), self.saved_of.get(*executed)) {
                        (None, None) => new.push((*saved, *executed)),
                        (Some(known), _) if known == executed => {}
                        _ => return false,
                    }
                }
                (saved, executed) if saved == executed => {}
                _ => return false,
            }
        }
        // Within a line, too, a name stands for one other only.
        let consistent = |&(a, b): &(&str, &str)| new.iter().all(|&(c, d)| (a == c) == (b == d));
        if !new.iter().all(consistent) {
            return false;
        }
        for (saved, executed) in new {
            self.executed_of.insert(saved.to_owned(), executed.to_owned());
            self.saved_of.insert(executed.to_owned(), saved.to_owned());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(names: &mut Names, saved: &str, executed: &str) -> bool {
        names.same(saved, executed, Numbers::Count)
    }

    #[test]
    fn a_name_stands_for_one_other_in_both_directions() {
        let mut names = Names::default();
        assert!(same(&mut names, "<0.1.0> -> <0.2.0>", "<0.11.0> -> <0.12.0>"));
        assert!(same(&mut names, "<0.2.0>", "<0.12.0>"));
        assert!(!same(&mut names, "<0.2.0>", "<0.11.0>"), "another one");
        assert!(!same(&mut names, "<0.3.0>", "<0.11.0>"), "taken");
        assert!(!same(&mut Names::default(), "<0.1.0> <0.2.0>", "<0.5.0> <0.5.0>"));
        assert!(!same(&mut Names::default(), "<0.1.0> <0.1.0>", "<0.5.0> <0.6.0>"));
        assert!(
            same(&mut names, "<0.3.0>", "<0.13.0>"),
            "what did not match left nothing behind"
        );
    }

    #[test]
    fn what_is_measured_may_be_anything_and_numbers_may_not() {
        for (saved, executed) in [
            ("took 12 ms", "took 1.5 s"),
            ("done in 3.1µs", "done in 800ns"),
            ("at 12:00:01.5", "at 23:59:59"),
            ("on 2026-01-01T00:00:00Z", "on 2027-11-30 10:00:00"),
            ("wrote /tmp/a1/file.bin", "wrote /tmp/zz/file.bin"),
            ("#Ref<0.7>", "#Ref<0.9>"),
            ("http://127.0.0.1:4000/x", "http://127.0.0.1:5000/x"),
        ] {
            assert!(same(&mut Names::default(), saved, executed), "{saved} {executed}");
        }
        for (saved, executed) in [
            ("12 sites", "13 sites"),
            ("3 seconds", "4 seconds"),
            ("1.5", "1.6"),
            ("v1", "v2"),
        ] {
            assert!(!same(&mut Names::default(), saved, executed), "{saved} {executed}");
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_names_in_each_run() {
        let mut names = Names::default();
        for (saved, executed) in [
            (
                " 59.2µs  <0.9.0>  → <0.15.0>  CALL   Add",
                "219.2µs  <0.91.0> → <0.5.0>  CALL   Add",
            ),
            (
                "│   1.5ms  <0.9.0>  → <0.15.0>  CALL   Add",
                "│ 401.5ms  <0.91.0> → <0.5.0>  CALL   Add",
            ),
        ] {
            assert!(same(&mut names, saved, executed), "{saved} {executed}");
        }
        for (saved, executed) in [
            ("a  b", "a b"),
            ("  <0.9.0> x", "<0.9.0> x"),
            ("<0.9.0> x y", "<0.9.0> xy"),
        ] {
            assert!(!same(&mut Names::default(), saved, executed), "{saved} {executed}");
        }
    }

    #[test]
    fn a_number_of_chance_stands_for_one_other() {
        let mut names = Names::default();
        assert!(names.same("state: 17, 3 children", "state: 940, 3 children", Numbers::Name));
        assert!(names.same("state: 17", "state: 940", Numbers::Name));
        assert!(
            !names.same("state: 18", "state: 940", Numbers::Name),
            "it must have changed"
        );
        assert!(
            !names.same("state: 17", "state: 941", Numbers::Name),
            "it must not have changed"
        );
    }

    #[test]
    fn lines_without_their_names_can_be_compared_alone() {
        assert_eq!(
            without_names("<0.1.0> waits 5 ms for 3", Numbers::Count),
            "… waits … for 3"
        );
        assert_eq!(without_names("state: 17", Numbers::Name), "state: …");
    }
}
