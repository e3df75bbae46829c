//! Values that are shown on their way.

use std::fmt::{self, Debug, Write as _};

use super::{Bundle, Render};
use crate::io;
use crate::reason::{ExitReason, exit};

/// Shows a value at once, and gives it back. What is to be changed later is shown by [`display`](super::display).
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino;
///
/// let note = kino::render(kino::markdown("_seen_"));
/// assert_eq!(note.to_string(), "_seen_");
/// # });
/// ```
pub fn render<R: Render>(value: R) -> R {
    show(value.render());
    value
}

/// Shows what `Debug` says of a value, and gives it back: on one line, or spread over several if it is long. What is
/// very long is cut.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino;
///
/// let doubled: Vec<i32> = kino::inspect(vec![1, 2, 3]).into_iter().map(|n| n * 2).collect();
/// assert_eq!(kino::inspect(doubled), [2, 4, 6]);
/// # });
/// ```
pub fn inspect<T: Debug>(value: T) -> T {
    show(super::text(readable(&value)).render());
    value
}

/// The last value of a cell that is to show none.
///
/// ```
/// use crabtree::kino;
///
/// assert!(kino::nothing().is_empty());
/// ```
pub fn nothing() -> Bundle {
    Bundle::new()
}

/// Ends the cell here, or whatever process calls it: what comes after it does not run, and `message` says why.
///
/// In a notebook the cell fails with the message, so that a run of all cells stops at it; variables and other processes
/// stay. It unwinds, as [`exit`](crate::exit) does, and the message is the reason.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let answer: Option<u32> = None;
/// let (_, _) = spawn_monitor(async move {
///     let answer = answer.unwrap_or_else(|| kino::interrupt("answer the question above first"));
///     unreachable!("{answer}");
/// });
/// receive! {
///     Down { reason, .. } => assert_eq!(reason.to_string(), "answer the question above first"),
/// }
/// # });
/// ```
pub fn interrupt(message: impl Into<String>) -> ! {
    exit(ExitReason::from(message.into()))
}

fn show(bundle: Bundle) {
    io::display(io::Display {
        bundle,
        display_id: None,
        update: false,
    });
}

/// A line longer than this is hard to read.
const WIDE: usize = 100;

/// More lines than these are worse than one long one.
const TALL: usize = 60;

/// More characters than these nobody reads.
const LONG: usize = 10_000;

/// A value on one line, or spread over several if it is long; what is very long is cut.
pub fn readable(value: &(impl Debug + ?Sized)) -> String {
    readable_dyn(&value)
}

fn readable_dyn(value: &dyn Debug) -> String {
    let (line, is_whole) = written(format_args!("{value:?}"), LONG);
    if !is_whole {
        return format!("{line} …\ncut after {LONG} characters; `println!(\"{{:?}}\", …)` prints all");
    }
    if line.chars().count() <= WIDE {
        return line;
    }
    let (lines, is_whole) = written(format_args!("{value:#?}"), LONG);
    if is_whole && lines.lines().count() <= TALL {
        lines
    } else {
        line
    }
}

/// The first characters of what is formatted, and whether that is all.
pub(super) fn written(arguments: fmt::Arguments<'_>, room: usize) -> (String, bool) {
    let mut start = Start {
        text: String::new(),
        room,
    };
    // The rest of a value that is too long is not formatted at all.
    let is_whole = start.write_fmt(arguments).is_ok();
    (start.text, is_whole)
}

/// Takes the first characters.
struct Start {
    text: String,
    room: usize,
}

impl fmt::Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_spread_and_what_is_very_long_is_cut() {
        assert_eq!(readable(&[1, 2]), "[1, 2]");
        let long = ["a".repeat(60), "b".repeat(60)];
        assert_eq!(readable(&long), format!("{long:#?}"));
        let cut = readable(&vec![7; 1_000_000]);
        assert!(cut.starts_with("[7, 7") && cut.contains("cut after 10000 characters"));
        assert!(cut.len() < LONG + 100);
    }
}
