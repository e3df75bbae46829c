//! Pictures as part of a page.

use std::path::{Component, Path};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::notebook::Cell;

/// Where the pictures of a cell's prose can be.
pub(super) struct Pictures<'a> {
    directory: &'a Path,
    cell: Option<&'a Cell>,
}

impl<'a> Pictures<'a> {
    /// Beside the notebook, in `directory`, or attached to `cell`.
    pub(super) fn new(directory: &'a Path, cell: Option<&'a Cell>) -> Pictures<'a> {
        Pictures { directory, cell }
    }

    /// The picture that a link points to, as a link that holds it. `None` when it is not a picture
    /// beside the notebook or below.
    pub(super) fn embed(&self, link: &str) -> Option<String> {
        if link.starts_with("data:") {
            return Some(link.to_owned());
        }
        if let Some(name) = link.strip_prefix("attachment:") {
            let (mime, data) = self.cell?.attachment(name)?;
            return Some(data_uri(mime, data));
        }
        let path = Path::new(link);
        if link.contains("://")
            || !path
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return None;
        }
        let mime = mime_of(path)?;
        let bytes = std::fs::read(self.directory.join(path)).ok()?;
        Some(data_uri(mime, &STANDARD.encode(bytes)))
    }
}

/// A link that holds a picture whose bytes are in base64.
pub(super) fn data_uri(mime: &str, base64: &str) -> String {
    let base64: String = base64.split_whitespace().collect();
    format!("data:{mime};base64,{base64}")
}

/// A link that holds an SVG.
pub(super) fn svg_uri(svg: &str) -> String {
    data_uri("image/svg+xml", &STANDARD.encode(svg))
}

fn mime_of(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_beside_the_notebook_becomes_part_of_the_page() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("files")).unwrap();
        std::fs::write(directory.path().join("files/a.svg"), "<svg/>").unwrap();
        let pictures = Pictures::new(directory.path(), None);
        assert_eq!(
            pictures.embed("files/a.svg").as_deref(),
            Some("data:image/svg+xml;base64,PHN2Zy8+")
        );
        assert_eq!(
            pictures.embed("data:image/png;base64,AA==").as_deref(),
            Some("data:image/png;base64,AA==")
        );
        for elsewhere in [
            "files/b.svg",
            "../a.svg",
            "/etc/a.svg",
            "https://example.org/a.svg",
            "attachment:a.svg",
            "a.txt",
        ] {
            assert_eq!(pictures.embed(elsewhere), None, "{elsewhere}");
        }
    }
}
