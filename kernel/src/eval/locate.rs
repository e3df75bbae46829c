//! From places in the source that evcxr generates to places in cells.
//!
//! A panic and a crash report say `src/lib.rs:31:9`. evcxr writes the statements and items of cells
//! into that file as they are, each on lines of its own, and the items of all earlier cells with
//! them; so a line of it is found in the cells by comparing text. Each cell has its own such file,
//! and what a process of a cell says is looked up in the file of that cell.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::rewrite::{Position, Rewritten, split};

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

    /// Where a place `src/lib.rs:line:column` of a cell's generated source comes from.
    pub(super) fn find(&self, id: u64, location: &str) -> Option<Place> {
        let mut parts = location.strip_prefix("src/lib.rs:")?.split(':');
        let line: usize = parts.next()?.parse().ok()?;
        let column: usize = parts.next()?.parse().ok()?;
        let mut state = self.state();
        let listing = self.listing(&mut state, id)?;
        let (cell, start) = (*listing.get(line.checked_sub(1)?)?)?;
        let cell = state.cells.get(cell)?;
        let position = Position {
            line: start.line,
            column: start.column + column - 1,
        };
        Some(Place {
            count: cell.count,
            position: cell.code.original(position),
        })
    }

    /// Replaces places in a generated source by places in cells, where they can be found.
    pub(super) fn locate(&self, id: u64, text: String) -> String {
        if !text.contains("src/lib.rs:") {
            return text;
        }
        let mut located = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find("src/lib.rs:") {
            let from = &rest[start..];
            let tail = &from["src/lib.rs:".len()..];
            let length = tail
                .find(|c: char| !c.is_ascii_digit() && c != ':')
                .unwrap_or(tail.len());
            let location = from[.."src/lib.rs:".len() + length].trim_end_matches(':');
            located.push_str(&rest[..start]);
            match self.find(id, location) {
                Some(place) => located.push_str(&place.to_string()),
                None => located.push_str(location),
            }
            rest = &from[location.len()..];
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
        assert_eq!(listings.find(2, "src/lib.rs:3:5"), place(3, 5, 5));
        assert_eq!(listings.find(2, "src/lib.rs:7:1"), place(1, 12, 6));
        assert_eq!(listings.find(2, "src/lib.rs:5:1"), None);
        assert_eq!(
            listings.locate(2, "at src/lib.rs:3:5\nat src/lib.rs:5:1.".to_owned()),
            "at cell [5] 3:5\nat src/lib.rs:5:1."
        );
    }
}
