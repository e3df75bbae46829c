//! Changes to a text that remember what was where.

use std::ops::Range;

/// One change: `range` of the original becomes `text`, which holds no newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    range: Range<usize>,
    text: String,
}

impl Edit {
    /// Puts `text` before the byte at `at`.
    pub(crate) fn insert(at: usize, text: impl Into<String>) -> Edit {
        Edit::replace(at..at, text)
    }

    /// Puts `text` in the place of `range`.
    pub(crate) fn replace(range: Range<usize>, text: impl Into<String>) -> Edit {
        let text = text.into();
        debug_assert!(!text.contains('\n'), "lines would move");
        Edit { range, text }
    }
}

/// A place in a text; both numbers count from 1, columns in characters, as rustc does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

/// A text before and after some edits.
#[derive(Clone, Debug)]
pub(crate) struct Rewritten {
    original: String,
    text: String,
    edits: Vec<Edit>,
}

impl Rewritten {
    /// Applies `edits`. Of two that overlap, the later one is left out.
    pub(crate) fn new(original: &str, mut edits: Vec<Edit>) -> Rewritten {
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let mut text = String::with_capacity(original.len() + 64);
        let mut taken = 0;
        edits.retain(|edit| {
            let fits = edit.range.start >= taken;
            if fits {
                text.push_str(&original[taken..edit.range.start]);
                text.push_str(&edit.text);
                taken = edit.range.end;
            }
            fits
        });
        text.push_str(&original[taken..]);
        Rewritten {
            original: original.to_owned(),
            text,
            edits,
        }
    }

    /// The text that goes to evcxr.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text as the reader wrote it.
    pub(crate) fn source(&self) -> &str {
        &self.original
    }

    /// Where a place of the new text is in the original. A place inside of what was put in is
    /// where it was put.
    pub(crate) fn original(&self, position: Position) -> Position {
        let offset = offset(&self.text, position);
        let mut grown = 0_isize;
        for edit in &self.edits {
            let start = edit.range.start.saturating_add_signed(grown);
            if start >= offset && !(start == offset && edit.range.is_empty()) {
                break;
            }
            if offset < start + edit.text.len() {
                return place(&self.original, edit.range.start);
            }
            grown += edit.text.len() as isize - edit.range.len() as isize;
        }
        place(&self.original, offset.saturating_add_signed(-grown))
    }
}

/// The byte offset of a place; the end of the line or of the text, if the place is beyond it.
fn offset(text: &str, position: Position) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(position.line.saturating_sub(1))
        .map(str::len)
        .sum();
    let line = text[start..].split('\n').next().unwrap_or_default();
    let column = position.column.saturating_sub(1);
    start + line.char_indices().nth(column).map_or(line.len(), |(index, _)| index)
}

/// The place of a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: usize, column: usize) -> Position {
        Position { line, column }
    }

    #[test]
    fn places_are_found_again() {
        let original = "let ä = 1;\nä + b\n";
        let start = original.find("ä + b").unwrap();
        let end = start + "ä + b".len();
        let rewritten = Rewritten::new(original, vec![Edit::insert(end, ");"), Edit::insert(start, "show!(")]);
        assert_eq!(rewritten.text(), "let ä = 1;\nshow!(ä + b);\n");
        assert_eq!(rewritten.original(at(1, 5)), at(1, 5));
        assert_eq!(rewritten.original(at(2, 7)), at(2, 1));
        assert_eq!(rewritten.original(at(2, 11)), at(2, 5));
        assert_eq!(rewritten.original(at(2, 3)), at(2, 1), "inside of what was put in");
        assert_eq!(rewritten.original(at(3, 1)), at(3, 1));
    }

    #[test]
    fn places_behind_a_shorter_replacement_are_found_again() {
        let rewritten = Rewritten::new("abcdef g", vec![Edit::replace(0..6, "x")]);
        assert_eq!(rewritten.text(), "x g");
        assert_eq!(rewritten.original(at(1, 3)), at(1, 8));
        assert_eq!(rewritten.original(at(1, 1)), at(1, 1));
    }

    #[test]
    fn of_two_edits_of_one_place_the_first_wins() {
        let edits = vec![Edit::replace(0..4, "one"), Edit::replace(2..6, "two")];
        assert_eq!(Rewritten::new("abcdefg", edits).text(), "oneefg");
    }
}
