//! Views as files.

use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

/// What a view can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Svg,
    Mermaid,
    Json,
    Text,
}

/// Extensions and what they mean.
const FORMS: [(&str, Form, &str); 4] = [
    ("svg", Form::Svg, "a picture"),
    ("mmd", Form::Mermaid, "a Mermaid diagram"),
    ("json", Form::Json, "what was seen, as data"),
    ("txt", Form::Text, "letters"),
];

/// How a view is written in each form.
pub(super) struct Writers<V> {
    pub(super) svg: fn(&V) -> String,
    pub(super) mermaid: fn(&V) -> String,
    pub(super) json: fn(&V) -> String,
    pub(super) text: fn(&V) -> String,
}

/// Writes a view to a file in the form that its extension names, over one that is there.
pub(super) fn save<V>(path: &Path, view: &V, writers: &Writers<V>) -> io::Result<()> {
    let write = match form(path)? {
        Form::Svg => writers.svg,
        Form::Mermaid => writers.mermaid,
        Form::Json => writers.json,
        Form::Text => writers.text,
    };
    let mut text = write(view);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    fs::write(path, text)
        .map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
}

fn form(path: &Path) -> io::Result<Form> {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let known = FORMS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(extension));
    known.map(|(_, form, _)| *form).ok_or_else(|| {
        let accepted = FORMS.map(|(extension, _, means)| format!(".{extension} ({means})"));
        let message = format!(
            "cannot save as {}: the extension says what is written, and may be {}",
            path.display(),
            accepted.join(", "),
        );
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_what_is_written() {
        let forms = ["a.svg", "b.MMD", "c.tar.json", "/d/e.txt"].map(|path| form(Path::new(path)).unwrap());
        assert_eq!(forms, [Form::Svg, Form::Mermaid, Form::Json, Form::Text]);
    }

    #[test]
    fn another_extension_is_refused_with_those_that_are_accepted() {
        for path in ["shop.png", "shop", ".svg", ""] {
            let error = form(Path::new(path)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                format!(
                    "cannot save as {path}: the extension says what is written, and may be .svg (a picture), .mmd \
                     (a Mermaid diagram), .json (what was seen, as data), .txt (letters)"
                )
            );
        }
    }
}
