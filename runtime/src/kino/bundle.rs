//! One value in several representations, best first.

use std::borrow::Cow;
use std::fmt;

/// What a value looks like: the same content in several MIME types.
///
/// A front end shows the richest representation that it knows, so a bundle should always hold
/// `text/plain`, which every front end knows. The order in which representations were added is kept.
///
/// # Examples
///
/// ```
/// use crabtree::kino::Bundle;
///
/// let bundle = Bundle::new()
///     .with("text/html", "<b>42</b>")
///     .with("text/plain", "42");
///
/// assert_eq!(bundle.get("text/html"), Some("<b>42</b>"));
/// assert_eq!(bundle.text(), "42");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    representations: Vec<(Cow<'static, str>, String)>,
}

impl Bundle {
    /// A bundle without any representation.
    pub fn new() -> Bundle {
        Bundle::default()
    }

    /// Adds `content` as `mime`; content that was there under the same MIME type is replaced in its place.
    #[must_use]
    pub fn with(mut self, mime: impl Into<Cow<'static, str>>, content: impl Into<String>) -> Bundle {
        self.set(mime.into(), content.into());
        self
    }

    /// The content of one MIME type.
    pub fn get(&self, mime: &str) -> Option<&str> {
        self.iter().find(|(have, _)| *have == mime).map(|(_, content)| content)
    }

    /// MIME types and contents, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.representations
            .iter()
            .map(|(mime, content)| (mime.as_ref(), content.as_str()))
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.representations.is_empty()
    }

    /// The `text/plain` representation: what is shown where there are only letters. Empty if there is none.
    pub fn text(&self) -> &str {
        self.get("text/plain").unwrap_or_default()
    }

    fn set(&mut self, mime: Cow<'static, str>, content: String) {
        match self.representations.iter_mut().find(|(have, _)| *have == mime) {
            Some((_, old)) => *old = content,
            None => self.representations.push((mime, content)),
        }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Bundle;

    #[test]
    fn the_order_of_representations_is_kept_and_each_mime_type_is_there_once() {
        let bundle = Bundle::new()
            .with("text/html", "<b>1</b>")
            .with("text/plain", "1")
            .with("text/html", "<i>1</i>");

        let representations: Vec<_> = bundle.iter().collect();
        assert_eq!(representations, [("text/html", "<i>1</i>"), ("text/plain", "1")]);
    }

    #[test]
    fn a_bundle_without_text_reads_as_nothing() {
        assert_eq!(Bundle::new().with("image/svg+xml", "<svg/>").text(), "");
        assert!(Bundle::new().is_empty());
    }
}
