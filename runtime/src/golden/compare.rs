//! Whether an outline is the expected one.

use std::fmt::Write;

use super::diff::{Part, diff};

/// An outline of more lines is not shown as a whole.
const MOST_LINES: usize = 200;

/// What the macros for golden tests expand to: `asked` is the name of the macro, `expected` what it was given to compare
/// with.
///
/// # Panics
/// When the outline is another one.
#[track_caller]
pub fn compare(asked: &str, outline: &str, expected: &[&str]) {
    if let Some(difference) = difference(asked, outline, expected) {
        panic!("{difference}");
    }
}

fn difference(asked: &str, outline: &str, expected: &[&str]) -> Option<String> {
    let expected = without_layout(&expected.join("\n"));
    let found = without_layout(outline);
    let squeeze = |lines: &[String]| lines.iter().map(|line| squeezed(line)).collect::<Vec<_>>();
    let parts = diff(&squeeze(&expected), &squeeze(&found));
    let missing = parts.iter().filter(|part| matches!(part, Part::Expected(_))).count();
    let surplus = parts.iter().filter(|part| matches!(part, Part::Found(_))).count();
    if missing + surplus == 0 {
        return None;
    }
    let mut text = format!("{asked}: it is not what was expected (- expected, + found)\n\n");
    for part in &parts {
        // Writing to a string does not fail.
        let _ = match part {
            Part::Both(line) => writeln!(text, "    {}", found[*line]),
            Part::Expected(line) => writeln!(text, "  - {}", expected[*line]),
            Part::Found(line) => writeln!(text, "  + {}", found[*line]),
            Part::Skipped(lines) => writeln!(text, "    … {lines} lines that are alike"),
        };
    }
    match found.len() {
        0 => text.push_str("\nNothing was found."),
        1..=MOST_LINES => {
            text.push_str("\nIf what was found is right, these are the lines to expect:\n\n");
            text.push_str(&found.join("\n"));
        }
        lines => {
            let _ = write!(text, "\n{lines} lines were found: `outline()` gives them all.");
        }
    }
    Some(text)
}

/// The lines without the indentation that they have in common, empty lines at both ends, and spaces at their ends.
fn without_layout(text: &str) -> Vec<String> {
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_blank = |line: &str| line.trim().is_empty();
    // A text may begin behind the opening quote, where it has no indentation.
    let below = text.lines().skip(1).filter(|line| !is_blank(line));
    let common = below.map(indentation).min().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let start = match number {
            0 => indentation(line),
            _ => common.min(indentation(line)),
        };
        lines.push(line[start..].trim_end().to_owned());
    }
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let last = lines
        .iter()
        .rposition(|line| !line.is_empty())
        .map_or(first, |last| last + 1);
    lines.drain(first..last).collect()
}

/// Columns are as wide as what is in them, so runs of spaces count as one; behind what shows the place in a tree.
fn squeezed(line: &str) -> String {
    let is_branch = |character: char| " │├└┌─".contains(character);
    let words = line.trim_start_matches(is_branch);
    let mut squeezed = line[..line.len() - words.len()].to_owned();
    for (place, word) in words.split_whitespace().enumerate() {
        if place > 0 {
            squeezed.push(' ');
        }
        squeezed.push_str(word);
    }
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "me()  → P1    CALL   Get\nP1    → me()  REPLY  1\nP1            EXITED normal\n";

    #[test]
    fn layout_does_not_matter() {
        let indented = "
            me() → P1   CALL  Get
            P1   → me() REPLY 1
            P1          EXITED normal
        ";
        let behind_the_quote = "me() → P1 CALL Get
            P1 → me() REPLY 1
            P1 EXITED normal";
        let lines = ["me() → P1 CALL Get", "P1 → me() REPLY 1", "P1 EXITED normal"];
        for expected in [&[indented][..], &[behind_the_quote], &[FOUND], &lines] {
            assert_eq!(difference("assert_trace!", FOUND, expected), None, "{expected:?}");
        }
    }

    #[test]
    fn the_place_in_a_tree_matters() {
        let tree = "\nroot\n├── a\n│   └── b\n└── c\n    └── d\n";
        assert_eq!(difference("assert_tree!", tree, &[tree]), None);
        let indented = tree.replace('\n', "\n    ");
        assert_eq!(difference("assert_tree!", tree, &[&indented]), None);
        for other in [
            "\nroot\n├── a\n├── b\n└── c\n    └── d",
            "root\n├── a\n│   └── b\n└── c\n└── d",
        ] {
            assert!(difference("assert_tree!", tree, &[other]).is_some(), "{other}");
        }
    }

    #[test]
    fn a_difference_shows_its_lines_and_what_to_expect_instead() {
        let expected = "
            me() → P1   CALL  Get
            P1   → me() REPLY 2
            P1          EXITED normal
        ";
        assert_eq!(
            difference("assert_trace!", FOUND, &[expected]).unwrap(),
            "\
assert_trace!: it is not what was expected (- expected, + found)

    me()  → P1    CALL   Get
  - P1   → me() REPLY 2
  + P1    → me()  REPLY  1
    P1            EXITED normal

If what was found is right, these are the lines to expect:

me()  → P1    CALL   Get
P1    → me()  REPLY  1
P1            EXITED normal"
        );
        assert!(
            difference("assert_trace!", "", &["a"])
                .unwrap()
                .ends_with("  - a\n\nNothing was found.")
        );
    }

    #[test]
    fn of_much_that_is_alike_only_the_neighbourhood_is_shown() {
        let many: Vec<String> = (1..=1000).map(|n| format!("line {n}")).collect();
        let found = many.join("\n");
        let expected = found.replace("line 500\n", "");
        let difference = difference("assert_trace!", &found, &[&expected]).unwrap();
        assert_eq!(
            difference,
            "\
assert_trace!: it is not what was expected (- expected, + found)

    … 496 lines that are alike
    line 497
    line 498
    line 499
  + line 500
    line 501
    line 502
    line 503
    … 497 lines that are alike

1000 lines were found: `outline()` gives them all."
        );
    }
}
