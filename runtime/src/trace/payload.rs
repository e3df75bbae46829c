//! Values as short texts: a user's `Debug`, stopped as soon as it has said enough.

use crate::reason::keeping_last_panic;
use std::cell::Cell;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A value as a text.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) text: Arc<str>,
    pub(super) shortened: bool,
}

impl Text {
    /// No longer than `limit` characters, the mark of the cut not counted.
    pub(super) fn within(&self, limit: usize) -> Text {
        match self.text.char_indices().nth(limit) {
            Some((end, _)) if !self.shortened || self.text.chars().count() > limit + 1 => Text {
                text: format!("{}…", &self.text[..end]).into(),
                shortened: true,
            },
            _ => self.clone(),
        }
    }
}

/// Runs `show` until it has written `limit` characters. When it panics or fails, the text says so.
pub(super) fn shown(type_name: &str, limit: usize, show: &dyn Fn(&mut dyn Write) -> fmt::Result) -> Text {
    let mut bounded = Bounded {
        text: String::new(),
        left: limit,
        cut: false,
    };
    let written = keeping_last_panic(|| catch_unwind(AssertUnwindSafe(|| show(&mut bounded))));
    let Bounded { mut text, cut, .. } = bounded;
    match written {
        _ if cut => text.push('…'),
        Ok(Ok(())) => {}
        Ok(Err(fmt::Error)) => text = format!("<{type_name}: its Debug failed>"),
        Err(payload) => {
            // Dropping the payload of a panic can panic itself.
            std::mem::forget(payload);
            text = format!("<{type_name}: its Debug panicked>");
        }
    }
    Text {
        text: text.into(),
        shortened: cut,
    }
}

/// Takes so many characters, and then fails, so that who writes stops.
struct Bounded {
    text: String,
    left: usize,
    cut: bool,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            Some((end, _)) => {
                self.text.push_str(&text[..end]);
                self.left = 0;
                self.cut = true;
                Err(fmt::Error)
            }
            None => {
                self.text.push_str(text);
                self.left -= text.chars().count();
                Ok(())
            }
        }
    }
}

thread_local! {
    static NOTING: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what the thread does is not traced: it shows a value for the trace.
pub(super) struct Noting(());

impl Noting {
    /// `None` when the thread is noting already.
    pub(super) fn begin() -> Option<Noting> {
        (!NOTING.replace(true)).then(|| Noting(()))
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        NOTING.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &dyn fmt::Debug, limit: usize) -> String {
        shown("T", limit, &|out| write!(out, "{value:?}")).text.to_string()
    }

    #[test]
    fn a_text_is_cut_at_a_number_of_characters() {
        assert_eq!(text(&"äöü", 5), "\"äöü\"");
        assert_eq!(text(&"äöü", 4), "\"äöü…");
        assert_eq!(text(&"äöü", 2), "\"ä…");
        assert_eq!(text(&"äöü", 0), "…");
        assert_eq!(text(&(), 2), "()");
    }

    #[test]
    fn a_text_that_was_cut_can_be_cut_again() {
        let long = shown("T", 6, &|out| out.write_str("0123456789"));
        assert_eq!(&*long.text, "012345…");
        assert_eq!(&*long.within(6).text, "012345…");
        assert_eq!(&*long.within(7).text, "012345…");
        assert_eq!(&*long.within(3).text, "012…");
        let short = shown("T", 6, &|out| out.write_str("0123"));
        assert_eq!(&*short.within(4).text, "0123");
        assert_eq!(&*short.within(3).text, "012…");
    }

    #[test]
    fn a_debug_is_stopped_when_it_has_said_enough() {
        struct Endless<'a>(&'a Cell<u32>);
        impl fmt::Debug for Endless<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    self.0.set(self.0.get() + 1);
                    f.write_str("more ")?;
                }
            }
        }
        let calls = Cell::new(0);
        assert_eq!(text(&Endless(&calls), 12), "more more mo…");
        assert_eq!(calls.get(), 3);
    }

    #[test]
    fn a_debug_that_fails_or_panics_is_named() {
        struct Fails;
        impl fmt::Debug for Fails {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert_eq!(text(&Fails, 100), "<T: its Debug failed>");
        struct Panics;
        impl fmt::Debug for Panics {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half of it")?;
                panic!("the Debug of a test panics")
            }
        }
        assert_eq!(text(&Panics, 100), "<T: its Debug panicked>");
        assert_eq!(text(&Panics, 4), "half…");
    }
}
