//! Files that a reader can take away.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::compose::{data_uri, escaped};
use super::picture::length;
use super::{Bundle, Render};

/// A link that saves `content` as a file called `name`. The file is in the notebook itself.
///
/// # Examples
///
/// ```
/// use crabtree::kino;
///
/// let report = kino::download("report.csv", "id,name\n1,first\n");
/// assert_eq!(report.to_string(), "report.csv (text/csv, 16 bytes): download it from the notebook");
/// ```
pub fn download(name: impl Into<String>, content: impl AsRef<[u8]>) -> Download {
    let name = name.into();
    let mime = mime_of(&name).to_owned();
    let content = content.as_ref();
    Download {
        mime,
        name,
        label: None,
        base64: STANDARD.encode(content),
        length: content.len(),
    }
}

/// What [`download`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Download {
    name: String,
    mime: String,
    label: Option<String>,
    base64: String,
    length: usize,
}

impl Download {
    /// The words of the link, instead of the file's name.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Download {
        self.label = Some(label.into());
        self
    }

    /// The type of the file; unless told, it is known by how its name ends.
    #[must_use]
    pub fn mime(mut self, mime: impl Into<String>) -> Download {
        self.mime = mime.into();
        self
    }

    /// The link alone.
    pub(super) fn to_html(&self) -> String {
        let label = self.label.as_ref().unwrap_or(&self.name);
        format!(
            "<a download=\"{}\" href=\"{}\">{}</a> ({})",
            escaped(&self.name),
            data_uri(&self.mime, &self.base64),
            escaped(label),
            length(self.length)
        )
    }
}

impl Render for Download {
    fn render(&self) -> Bundle {
        Bundle::new()
            .with("text/html", self.to_html())
            .with("text/plain", self.to_string())
    }
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = length(self.length);
        write!(
            f,
            "{} ({}, {length}): download it from the notebook",
            self.name, self.mime
        )
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn mime_of(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "csv" => "text/csv",
        "gif" => "image/gif",
        "html" => "text/html",
        "jpg" | "jpeg" => "image/jpeg",
        "json" => "application/json",
        "log" | "txt" => "text/plain",
        "md" => "text/markdown",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
