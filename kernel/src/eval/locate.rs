//! From places in the source that evcxr generates to places in cells.
//!
//! A panic and a crash report say `src/lib.rs@7:31:9` for a place in the file that was generated for cell 7. evcxr writes
//! the statements and items of cells into that file as they are, each on lines of its own, and the items of all earlier
//! cells with them; so a line of it is found in the cells by comparing text. What knows nothing of cells, as `dbg!`,
//! writes `src/lib.rs:31:9`, and is looked up in the file of the cell that wrote it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crabtree_link::GENERATED;
use serde_json::Value;

use super::rewrite::{Position, Rewritten, split};
use super::symbols::{self, Function};

/// A place in a cell as the reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The cell's execution count.
    pub(super) count: u32,
    /// The place in its text.
    pub(super) position: Position,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "cell [{}] {line}:{column}", self.count)
    }
}

/// What the host says of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said<'a> {
    /// A place in a generated source.
    Place(Generated),
    /// A cell as such.
    Cell(u64),
    /// Code of the library that a cell became.
    Frame { cell: u64, library: &'a str, offset: u64 },
}

/// A place in a generated source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Generated {
    /// The cell that the source was generated for, if that is said.
    cell: Option<u64>,
    line: usize,
    column: usize,
}

impl Said<'_> {
    /// Reads what `text` begins with, and the length of that.
    fn parse(text: &str) -> Option<(Said<'_>, usize)> {
        let mut rest = text.strip_prefix(GENERATED)?;
        let mut cell = None;
        if let Some(behind) = rest.strip_prefix('@') {
            rest = behind;
            let number = digits(&mut rest, 10)?;
            cell = Some(number);
            let goes_on = |sign: char| {
                rest.strip_prefix(sign)
                    .is_some_and(|behind| behind.starts_with(|c: char| c.is_ascii_alphanumeric()))
            };
            if !goes_on(':') && !goes_on('+') {
                return Some((Said::Cell(number), text.len() - rest.len()));
            }
            if let Some(behind) = rest.strip_prefix('+') {
                let (library, behind) = behind.split_once('+')?;
                rest = behind;
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                let offset = digits(&mut rest, 16).filter(|_| library.chars().all(is_name))?;
                let cell = number;
                return Some((Said::Frame { cell, library, offset }, text.len() - rest.len()));
            }
        }
        let mut part = || {
            rest = rest.strip_prefix(':')?;
            usize::try_from(digits(&mut rest, 10)?).ok()
        };
        let (line, column) = (part()?, part()?);
        Some((Said::Place(Generated { cell, line, column }), text.len() - rest.len()))
    }
}

/// Takes the number with which `text` begins.
fn digits(text: &mut &str, radix: u32) -> Option<u64> {
    let length = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    let (digits, rest) = text.split_at(length);
    *text = rest;
    u64::from_str_radix(digits, radix).ok()
}

/// A frame, as its reader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    text: String,
    /// Whether it is of a function of a cell.
    is_own: bool,
}

/// The trace that is being read: a line for each frame, and one that counts those left out.
#[derive(Debug, Default)]
struct Trace {
    /// Where it begins in what was written.
    start: usize,
    kept: usize,
    left_out: usize,
}

impl Trace {
    fn frame(&mut self, out: &mut String, line: &str, frame: &Frame) {
        if self.kept + self.left_out == 0 {
            self.start = out.len();
        }
        if !frame.is_own {
            self.left_out += 1;
            return;
        }
        self.kept += 1;
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = if line.ends_with('\n') { "\n" } else { "" };
        out.push_str(&format!("{indent}in {}{end}", frame.text));
    }

    /// A line that is no frame. As in the host, a single function is no trace.
    fn other(&mut self, out: &mut String, line: &str, located: impl FnOnce(&str) -> String) {
        let Trace { start, kept, left_out } = std::mem::take(self);
        let counted = line
            .trim()
            .strip_prefix("… ")
            .and_then(|rest| rest.strip_suffix(" frames of the runtime"));
        match counted.and_then(|count| count.parse::<usize>().ok()) {
            Some(_) if kept == 1 || (kept == 0 && left_out > 0) => out.truncate(start),
            Some(count) if kept > 1 => out.push_str(&line.replace(&count.to_string(), &(count + left_out).to_string())),
            _ => out.push_str(&located(line)),
        }
    }
}

/// The cells of a session and the files that were generated for them.
#[derive(Clone, Debug)]
pub(super) struct Listings {
    /// The file in which evcxr writes the source of the cell that it compiles.
    generated: Arc<PathBuf>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The cells that were begun, in order.
    cells: Vec<Cell>,
    /// By cell, its generated source.
    listings: HashMap<u64, Arc<Listing>>,
    /// What was found out about frames, by library and offset.
    frames: HashMap<(String, u64), Frame>,
}

#[derive(Debug)]
struct Cell {
    id: u64,
    count: u32,
    code: Rewritten,
}

/// For each line of a generated source, the cell and the place where it comes from.
type Listing = Vec<Option<(usize, Position)>>;

impl Listings {
    /// For a session whose generated source is at `generated`.
    pub(super) fn new(generated: PathBuf) -> Listings {
        Listings {
            generated: Arc::new(generated),
            state: Arc::default(),
        }
    }

    /// For another session that knows the same cells.
    pub(super) fn beside(&self, generated: PathBuf) -> Listings {
        Listings {
            generated: Arc::new(generated),
            state: Arc::clone(&self.state),
        }
    }

    /// A cell begins.
    pub(super) fn begin(&self, id: u64, count: u32, code: Rewritten) {
        self.state().cells.push(Cell { id, count, code });
    }

    /// A cell has ended: keeps what its source was, for the reports of its processes.
    pub(super) fn keep(&self, id: u64) {
        let mut state = self.state();
        self.listing(&mut state, id);
    }

    /// The text of the cell with this execution count, as the reader wrote it.
    pub(super) fn source(&self, count: u32) -> Option<String> {
        let state = self.state();
        let cell = state.cells.iter().rev().find(|cell| cell.count == count)?;
        Some(cell.code.source().to_owned())
    }

    /// The execution count of a cell.
    fn count(&self, id: u64) -> Option<u32> {
        let state = self.state();
        let cell = state.cells.iter().rev().find(|cell| cell.id == id)?;
        Some(cell.count)
    }

    /// Where a place in a generated source comes from.
    pub(super) fn find(&self, place: &str) -> Option<Place> {
        match Said::parse(place)?.0 {
            Said::Place(generated) => self.origin(generated.cell?, generated),
            Said::Cell(_) | Said::Frame { .. } => None,
        }
    }

    /// What a frame is called, and where it has come to.
    fn frame(&self, cell: u64, library: &str, offset: u64) -> Option<Frame> {
        let known = (library.to_owned(), offset);
        if let Some(frame) = self.state().frames.get(&known) {
            return Some(frame.clone());
        }
        let frame = match symbols::look_up(&self.generated, library, offset)? {
            Function::Other(text) => Frame { text, is_own: false },
            Function::Own(function, line, column) => {
                let generated = Generated {
                    cell: Some(cell),
                    line,
                    column,
                };
                let place = self.origin(cell, generated);
                let text = place.map_or_else(|| function.clone(), |place| format!("{function} at {place}"));
                Frame { text, is_own: true }
            }
        };
        self.state().frames.insert(known, frame.clone());
        Some(frame)
    }

    fn origin(&self, id: u64, Generated { line, column, .. }: Generated) -> Option<Place> {
        let mut state = self.state();
        let listing = self.listing(&mut state, id)?;
        let (cell, start) = (*listing.get(line.checked_sub(1)?)?)?;
        let cell = state.cells.get(cell)?;
        let position = Position {
            line: start.line,
            column: start.column + column.saturating_sub(1),
        };
        Some(Place {
            count: cell.count,
            position: cell.code.original(position),
        })
    }

    /// Replaces places in generated sources by places in cells, where they can be found. Those that do not say in which
    /// source they are count as places in that of `own`, if that is given.
    pub(super) fn locate(&self, text: String, own: Option<u64>) -> String {
        self.locate_as(text, own, |frame| frame)
    }

    /// Like [`locate`](Listings::locate), in markup: there, names of functions are text as well.
    pub(super) fn locate_in_markup(&self, markup: String) -> String {
        self.locate_as(markup, None, |frame| Frame {
            text: frame
                .text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;"),
            ..frame
        })
    }

    /// Like [`locate`](Listings::locate), in all texts of a JSON value; those that begin with a tag are markup.
    pub(super) fn locate_in_json(&self, json: String) -> String {
        if !json.contains(GENERATED) {
            return json;
        }
        let Ok(mut value) = serde_json::from_str(&json) else {
            return json;
        };
        self.locate_texts(&mut value);
        value.to_string()
    }

    fn locate_texts(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with('<') => *text = self.locate_in_markup(std::mem::take(text)),
            Value::String(text) => *text = self.locate(std::mem::take(text), None),
            Value::Array(values) => values.iter_mut().for_each(|value| self.locate_texts(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.locate_texts(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn locate_as(&self, text: String, own: Option<u64>, written: impl Fn(Frame) -> Frame) -> String {
        if !text.contains(GENERATED) {
            return text;
        }
        let mut located = String::with_capacity(text.len());
        let mut trace = Trace::default();
        for line in text.split_inclusive('\n') {
            match self.frame_of_line(line) {
                Some(frame) => trace.frame(&mut located, line, &written(frame)),
                None => trace.other(&mut located, line, |line| self.located(line, own)),
            }
        }
        located
    }

    /// The frame in a line of a trace: `in src/lib.rs@…`.
    fn frame_of_line(&self, line: &str) -> Option<Frame> {
        let (said, length) = Said::parse(line.trim().strip_prefix("in ")?)?;
        match said {
            Said::Frame { cell, library, offset } if length == line.trim().len() - "in ".len() => {
                self.frame(cell, library, offset)
            }
            _ => None,
        }
    }

    fn located(&self, text: &str, own: Option<u64>) -> String {
        let mut located = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(GENERATED) {
            located.push_str(&rest[..start]);
            rest = &rest[start..];
            // A file of another package has a longer path.
            let is_longer =
                located.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '\\' | '_' | '-' | '.'));
            let is_other = |said: &Said<'_>| is_longer && matches!(said, Said::Place(Generated { cell: None, .. }));
            let found = Said::parse(rest).filter(|(said, _)| !is_other(said));
            let length = found.map_or(GENERATED.len(), |(_, length)| length);
            let place = found.and_then(|(said, _)| match said {
                Said::Place(generated) => Some(self.origin(generated.cell.or(own)?, generated)?.to_string()),
                Said::Cell(cell) => Some(format!("cell [{}]", self.count(cell)?)),
                Said::Frame { cell, library, offset } => Some(self.frame(cell, library, offset)?.text),
            });
            located.push_str(place.as_deref().unwrap_or(&rest[..length]));
            rest = &rest[length..];
        }
        located.push_str(rest);
        located
    }

    /// The listing of a cell, made now if it is the last one.
    fn listing(&self, state: &mut State, id: u64) -> Option<Arc<Listing>> {
        if let Some(listing) = state.listings.get(&id) {
            return Some(Arc::clone(listing));
        }
        let last = state.cells.last().filter(|cell| cell.id == id)?;
        debug_assert_eq!(last.id, id);
        let generated = std::fs::read_to_string(&*self.generated).ok()?;
        let listing = Arc::new(list(&generated, &state.cells));
        state.listings.insert(id, Arc::clone(&listing));
        Some(listing)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the statements of `cells`, the last cell first, in a generated source.
fn list(generated: &str, cells: &[Cell]) -> Listing {
    let mut starts = vec![0];
    starts.extend(generated.match_indices('\n').map(|(newline, _)| newline + 1));
    let mut listing: Listing = vec![None; starts.len()];
    for (index, cell) in cells.iter().enumerate().rev() {
        let text = cell.code.text();
        for statement in split(text) {
            let code = &text[statement.range.clone()];
            let start = super::rewrite::place(text, statement.range.start);
            for (found, _) in generated.match_indices(code) {
                let Ok(first) = starts.binary_search(&found) else {
                    continue;
                };
                let lines = code.trim_end_matches('\n').split('\n').count();
                for (offset, line) in listing.iter_mut().skip(first).take(lines).enumerate() {
                    let column = if offset == 0 { start.column } else { 1 };
                    line.get_or_insert((
                        index,
                        Position {
                            line: start.line + offset,
                            column,
                        },
                    ));
                }
            }
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listings(dir: &tempfile::TempDir, generated: &str) -> Listings {
        let path = dir.path().join("lib.rs");
        std::fs::write(&path, generated).unwrap();
        Listings::new(path)
    }

    #[test]
    fn places_are_those_of_the_cell_that_the_line_comes_from() {
        let dir = tempfile::tempdir().unwrap();
        let generated = "#![allow()]\nfn f() {\n    panic!()\n}\npub extern fn run() {\nlet a = 1; \nf();\n}\n";
        let listings = listings(&dir, generated);
        listings.begin(1, 5, Rewritten::new("// boom\nfn f() {\n    panic!()\n}\n", Vec::new()));
        listings.begin(2, 6, Rewritten::new("let a = 1; f();", Vec::new()));
        let place = |line, column, count| {
            Some(Place {
                count,
                position: Position { line, column },
            })
        };
        assert_eq!(listings.find("src/lib.rs@2:3:5"), place(3, 5, 5));
        assert_eq!(listings.find("src/lib.rs@2:7:1"), place(1, 12, 6));
        assert_eq!(listings.find("src/lib.rs@2:5:1"), None);
        assert_eq!(
            listings.find("src/lib.rs@1:3:5"),
            None,
            "that cell has no source of its own"
        );
        assert_eq!(listings.find("src/lib.rs:3:5"), None);
        let own = "by src/lib.rs@2, src/lib.rs@1: src/lib.rs@9 src/lib.rs@2";
        assert_eq!(
            listings.locate(own.to_owned(), None),
            "by cell [6], cell [5]: src/lib.rs@9 cell [6]"
        );
        let text = "at src/lib.rs@2:3:5\nat src/lib.rs:3:5 src/lib.rs:5:1. src/lib.rs@2:x";
        assert_eq!(
            listings.locate(text.to_owned(), Some(2)),
            "at cell [5] 3:5\nat cell [5] 3:5 src/lib.rs:5:1. src/lib.rs@2:x"
        );
        assert_eq!(
            listings.locate(text.to_owned(), None),
            "at cell [5] 3:5\nat src/lib.rs:3:5 src/lib.rs:5:1. src/lib.rs@2:x"
        );
        let others = "at /home/a/package/src/lib.rs:3:5, package/src/lib.rs:3:5: \"src/lib.rs:3:5\"";
        assert_eq!(
            listings.locate(others.to_owned(), Some(2)),
            "at /home/a/package/src/lib.rs:3:5, package/src/lib.rs:3:5: \"cell [5] 3:5\""
        );
    }

    #[test]
    fn of_a_trace_the_readers_functions_are_kept_and_the_rest_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let listings = listings(&dir, "");
        for (offset, text, is_own) in [
            (1, "cook at cell [1] 1:1", true),
            (2, "core::call", false),
            (3, "the cell", true),
        ] {
            let frame = Frame {
                text: text.to_owned(),
                is_own,
            };
            listings
                .state()
                .frames
                .insert(("libcode_1.so".to_owned(), offset), frame);
        }
        let check = |offsets: &[u64], expected: &str| {
            let lines = offsets
                .iter()
                .map(|offset| format!("    in src/lib.rs@1+libcode_1.so+{offset:x}\n"));
            let text = format!(
                "** no\n{}    … 20 frames of the runtime\nState: 1\n",
                lines.collect::<String>()
            );
            assert_eq!(listings.locate(text, None), format!("** no\n{expected}State: 1\n"));
        };
        check(
            &[2, 1, 2, 3],
            "    in cook at cell [1] 1:1\n    in the cell\n    … 22 frames of the runtime\n",
        );
        check(&[2, 3, 2], "");
        check(&[2], "");
        assert_eq!(
            listings.locate("  1:  0x7 - src/lib.rs@1+libcode_1.so+2".to_owned(), None),
            "  1:  0x7 - core::call"
        );
    }
}
