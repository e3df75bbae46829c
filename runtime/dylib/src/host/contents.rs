//! What methods named `evcxr_display` print: representations of a value between two marks.
//!
//! ```text
//! EVCXR_BEGIN_CONTENT text/html
//! <b>up</b>
//! EVCXR_END_CONTENT
//! ```

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use runtime::kino::Bundle;

use super::Host;

const BEGIN: &str = "EVCXR_BEGIN_CONTENT ";
const END: &str = "EVCXR_END_CONTENT";

/// What a cell prints, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// Text that is no content.
    Text(String),
    /// A content: its mime type, and what stands between the marks.
    Content(String, String),
}

/// A content that has begun, and may have come in part.
#[derive(Debug, Default)]
pub(super) struct Contents {
    begun: Mutex<String>,
}

impl Contents {
    /// Takes apart what is printed; `None` for text that has nothing to do with contents.
    pub(super) fn take(&self, text: &str) -> Option<Vec<Part>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_empty() && !text.contains(BEGIN) {
            return None;
        }
        begun.push_str(text);
        let mut parts = Vec::new();
        let mut rest = begun.as_str();
        while let Some((before, content)) = rest.split_once(BEGIN) {
            let Some((content, behind)) = content.split_once(END) else {
                break;
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (mime, content) = content.split_once('\n').unwrap_or((content, ""));
            let content = content.strip_suffix('\n').unwrap_or(content);
            parts.push(Part::Content(mime.trim().to_owned(), content.to_owned()));
            rest = behind.strip_prefix('\n').unwrap_or(behind);
        }
        if !rest.contains(BEGIN) {
            if !rest.is_empty() {
                parts.push(Part::Text(rest.to_owned()));
            }
            rest = "";
        }
        *begun = rest.to_owned();
        Some(parts)
    }
}

thread_local! {
    /// The representations of the cell's value, while its `evcxr_display` runs on this thread.
    static VALUE: RefCell<Option<Bundle>> = const { RefCell::new(None) };
}

/// Adds to the representations of the cell's value; gives them back when it is not the value that is being shown.
pub(super) fn of_value(mime: String, content: String) -> Result<(), Bundle> {
    VALUE.with_borrow_mut(|value| match value.take() {
        Some(bundle) => {
            *value = Some(bundle.with(mime, content));
            Ok(())
        }
        None => Err(Bundle::new().with(mime, content)),
    })
}

/// While this lives, contents that are printed are representations of the cell's value.
#[derive(Debug)]
pub struct ShowingValue(());

impl ShowingValue {
    /// The value's `evcxr_display` is about to run.
    #[expect(clippy::new_without_default, reason = "making one has an effect")]
    pub fn new() -> ShowingValue {
        VALUE.set(Some(Bundle::new()));
        ShowingValue(())
    }
}

impl Drop for ShowingValue {
    fn drop(&mut self) {
        if let Some(bundle) = VALUE.take().filter(|bundle| !bundle.is_empty()) {
            Host::get().result(bundle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn content(mime: &str, content: &str) -> Part {
        Part::Content(mime.to_owned(), content.to_owned())
    }

    #[test]
    fn contents_are_told_from_text_in_whichever_pieces_they_come() {
        let printed = "one\nEVCXR_BEGIN_CONTENT text/html\n<b>\nup</b>\nEVCXR_END_CONTENT\n\
            EVCXR_BEGIN_CONTENT text/plain\nup\nEVCXR_END_CONTENT\ntwo\n";
        let parts = vec![
            text("one\n"),
            content("text/html", "<b>\nup</b>"),
            content("text/plain", "up"),
            text("two\n"),
        ];
        assert_eq!(Contents::default().take(printed), Some(parts.clone()));
        let contents = Contents::default();
        let lines = printed.split_inclusive('\n');
        let taken = lines.flat_map(|line| contents.take(line).unwrap_or_else(|| vec![text(line)]));
        assert_eq!(taken.collect::<Vec<_>>(), parts);
    }

    #[test]
    fn other_text_is_left_alone() {
        let contents = Contents::default();
        assert_eq!(contents.take("EVCXR_END_CONTENT\n"), None);
        assert_eq!(contents.take("one\n"), None);
    }
}
