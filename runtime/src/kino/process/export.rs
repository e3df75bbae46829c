//! Views as files.

use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

/// What a view can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
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

/// Writes a file in the form that its extension names, over one that is there. `write` gives the view in that form.
pub(super) fn save(path: &Path, write: &dyn Fn(Form) -> String) -> io::Result<()> {
    let mut text = write(form(path)?);
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
