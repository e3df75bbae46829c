//! What the code cells of a notebook show.

use std::fmt;
use std::sync::LazyLock;

use anyhow::{Context, anyhow};
use regex::Regex;
use serde_json::Value;

use super::text::Numbers;
use crate::jupyter::WIDGET;

/// What kind of output a line belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Written to `stdout` or `stderr`.
    Stream(String),
    /// Displayed, in this mime type.
    Display(String),
    /// The cell's value, in this mime type.
    Value(String),
    /// What made the cell fail.
    Error,
}

impl Kind {
    /// Whether a process may put it out after its cell has ended.
    pub(super) fn may_be_late(&self) -> bool {
        matches!(self, Kind::Stream(_) | Kind::Display(_))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Stream(name) => f.write_str(name),
            Kind::Display(mime) => write!(f, "display as {mime}"),
            Kind::Value(mime) => write!(f, "value as {mime}"),
            Kind::Error => f.write_str("error"),
        }
    }
}

/// What a code cell shows.
#[derive(Debug)]
pub(super) struct Seen {
    /// The cell's id.
    pub(super) id: String,
    /// The cell says that only the kinds of its outputs are the same each time.
    pub(super) varies: bool,
    /// The cell says that its lines come in any order.
    pub(super) unordered: bool,
    /// What its numbers are.
    pub(super) numbers: Numbers,
    outputs: Vec<(Kind, String)>,
}

impl Seen {
    /// The kinds of what it shows, each once, in a fixed order.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.outputs.iter().map(|(kind, _)| kind.clone()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// The lines of one kind, as if they had been put out in one piece.
    pub(super) fn lines(&self, kind: &Kind) -> Vec<&str> {
        let of_kind = self.outputs.iter().filter(|(other, _)| other == kind);
        of_kind.flat_map(|(_, text)| text.lines()).collect()
    }

    /// All lines that may be late.
    pub(super) fn late_lines(&self) -> impl Iterator<Item = (Kind, &str)> {
        let late = self.outputs.iter().filter(|(kind, _)| kind.may_be_late());
        late.flat_map(|(kind, text)| text.lines().map(|line| (kind.clone(), line)))
    }
}

/// The code cells of a notebook.
///
/// # Errors
///
/// The document is no notebook.
pub(super) fn cells(notebook: &Value) -> anyhow::Result<Vec<Seen>> {
    let cells = notebook["cells"].as_array();
    let cells = cells.ok_or_else(|| anyhow!("it is JSON, but not a notebook: it has no list of cells"))?;
    let code = cells.iter().filter(|cell| cell["cell_type"] == "code");
    code.map(cell).collect()
}

fn cell(cell: &Value) -> anyhow::Result<Seen> {
    let id = cell["id"].as_str().context("a code cell has no id")?.to_owned();
    let tagged = |tag: &str| {
        cell["metadata"]["tags"]
            .as_array()
            .is_some_and(|tags| tags.iter().any(|one| one == tag))
    };
    let mut seen = Seen {
        id,
        varies: tagged("varying-output"),
        unordered: tagged("unordered-output"),
        numbers: if tagged("varying-numbers") {
            Numbers::Name
        } else {
            Numbers::Count
        },
        outputs: Vec::new(),
    };
    for output in cell["outputs"].as_array().into_iter().flatten() {
        take(output, &mut seen.outputs);
    }
    Ok(seen)
}

fn take(output: &Value, outputs: &mut Vec<(Kind, String)>) {
    match output["output_type"].as_str() {
        Some("stream") => {
            let (kind, text) = (Kind::Stream(joined(&output["name"])), joined(&output["text"]));
            // A line may have come in two pieces.
            match outputs.iter_mut().find(|(other, _)| *other == kind) {
                Some((_, whole)) => whole.push_str(&plain(&text)),
                None => outputs.push((kind, plain(&text))),
            }
        }
        Some(shown @ ("display_data" | "execute_result")) => {
            let data = output["data"].as_object().into_iter().flatten();
            for (mime, data) in data {
                let Some(text) = words(mime, data, &output["data"]) else {
                    continue;
                };
                let kind = match shown {
                    "display_data" => Kind::Display(mime.clone()),
                    _ => Kind::Value(mime.clone()),
                };
                outputs.push((kind, text));
            }
        }
        Some("error") => {
            let text = format!("{}: {}", joined(&output["ename"]), joined(&output["evalue"]));
            outputs.push((Kind::Error, plain(&text)));
        }
        _ => {}
    }
}

/// What one representation of something rich says; none if another one of it says the same.
fn words(mime: &str, data: &Value, bundle: &Value) -> Option<String> {
    match mime {
        "image/svg+xml" => Some(picture(&joined(data))),
        // The same picture as an image.
        "text/html" if bundle["image/svg+xml"] != Value::Null => None,
        "text/html" => Some(markup(&joined(data))),
        // A widget, of which clients that show none get the other form only.
        WIDGET if bundle["text/html"] != Value::Null => None,
        _ if mime.starts_with("text/") => Some(plain(&joined(data))),
        // That it is there must do.
        _ => Some(String::from("…")),
    }
}

/// The words of an SVG, one text a line, since places depend on how wide a pid is.
fn picture(svg: &str) -> String {
    static TEXT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"<(?:title|desc|text|tspan)\b[^>]*>([^<]+)<").expect("a valid expression"));
    let texts: Vec<String> = TEXT.captures_iter(svg).map(|text| unescaped(text[1].trim())).collect();
    texts.join("\n")
}

/// HTML with the pictures in it left out.
fn markup(html: &str) -> String {
    static DATA: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]*").expect("a valid expression"));
    unescaped(&DATA.replace_all(html, "data:image"))
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn plain(text: &str) -> String {
    console::strip_ansi_codes(text).into_owned()
}

/// Text that may be split into lines.
fn joined(text: &Value) -> String {
    match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
