//! A notebook file: read, checked, and written again with all that is not known to us.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::outputs::Output;

/// The minor version that is written: the one that asks for cell ids.
const NBFORMAT_MINOR: u64 = 5;

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    /// To be executed.
    Code,
    /// Prose.
    Markdown,
    /// Passed through as it is.
    Raw,
}

/// A cell.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// What it is.
    pub(super) kind: CellKind,
    /// Its text.
    pub(super) source: String,
    /// The number of its execution, if it was executed.
    pub(super) execution_count: Option<u64>,
    /// What its execution put out.
    pub(super) outputs: Vec<Output>,
    /// Everything else, such as its id and metadata.
    fields: Map<String, Value>,
}

impl Cell {
    /// Whether the cell's metadata hold this tag.
    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.fields["metadata"]["tags"]
            .as_array()
            .is_some_and(|tags| tags.iter().any(|found| found == tag))
    }

    /// Whether there is something to execute.
    pub(super) fn is_executable(&self) -> bool {
        self.kind == CellKind::Code && !self.source.trim().is_empty() && !self.has_tag("skip-execution")
    }

    /// The id, unique in the notebook.
    pub(super) fn id(&self) -> String {
        self.fields["id"].as_str().unwrap_or_default().to_owned()
    }

    /// A file that is attached to the cell, in base64, with its mime type.
    pub(super) fn attachment(&self, name: &str) -> Option<(&str, &str)> {
        let bundle = self.fields.get("attachments")?.get(name)?.as_object()?;
        bundle
            .iter()
            .find_map(|(mime, data)| Some((mime.as_str(), data.as_str()?)))
    }
}

/// A notebook of format 4.
#[derive(Clone, Debug)]
pub(super) struct Notebook {
    /// The cells in order.
    pub(super) cells: Vec<Cell>,
    /// Everything else.
    fields: Map<String, Value>,
}

impl Notebook {
    /// Reads a notebook without its outputs.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a notebook of format 4 with code for this kernel. The
    /// message says what to do.
    pub(super) fn read(path: &Path) -> anyhow::Result<Notebook> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Notebook::parse(&text).with_context(|| format!("cannot execute {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Notebook> {
        let document: Value = serde_json::from_str(text)
            .map_err(|error| anyhow!("it is not JSON ({error}); a notebook is a JSON document that Jupyter writes"))?;
        let Value::Object(mut fields) = document else {
            bail!("it is JSON, but not a notebook: it is not an object")
        };
        check_format(&fields)?;
        check_language(&fields)?;
        let Some(Value::Array(cells)) = fields.remove("cells") else {
            bail!("it is JSON, but not a notebook: it has no list of cells")
        };
        let cells = cells
            .into_iter()
            .enumerate()
            .map(|(index, cell)| parse_cell(cell).with_context(|| format!("cell {} is not valid", index + 1)))
            .collect::<anyhow::Result<Vec<Cell>>>()?;
        if !cells.iter().any(Cell::is_executable) {
            bail!("it has no code cells: there is nothing to execute");
        }
        let mut notebook = Notebook { cells, fields };
        notebook.ensure_ids();
        Ok(notebook)
    }

    /// The places of the cells that are to be executed.
    pub(super) fn executable(&self) -> impl Iterator<Item = usize> {
        (0..self.cells.len()).filter(|&index| self.cells[index].is_executable())
    }

    /// Says in the notebook which kernel executed it.
    pub(super) fn set_kernel(&mut self, language_info: Value) {
        let metadata = self.fields.entry("metadata").or_insert_with(|| json!({}));
        if metadata["kernelspec"]["language"] != "rust" {
            metadata["kernelspec"] = json!({"name": "crabtree", "display_name": "Rust (Crabtree)", "language": "rust"});
        }
        metadata["language_info"] = language_info;
    }

    /// The notebook's title: its metadata's, else its first heading.
    pub(super) fn title(&self) -> Option<&str> {
        let titled = self
            .fields
            .get("metadata")
            .and_then(|metadata| metadata["title"].as_str());
        titled.or_else(|| {
            let prose = self.cells.iter().filter(|cell| cell.kind == CellKind::Markdown);
            prose
                .flat_map(|cell| cell.source.lines())
                .find_map(|line| line.strip_prefix("# "))
        })
    }

    /// The file's text, in the form in which Jupyter writes it: keys sorted, indented by one.
    pub(super) fn to_json(&self) -> String {
        let mut document = self.fields.clone();
        document.insert("cells".to_owned(), self.cells.iter().map(cell_json).collect());
        let minor = document.get("nbformat_minor").and_then(Value::as_u64).unwrap_or(0);
        document.insert("nbformat_minor".to_owned(), json!(minor.max(NBFORMAT_MINOR)));
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        // Writing JSON values to memory cannot fail, and JSON is UTF-8.
        serde::Serialize::serialize(&document, &mut serializer).expect("values become JSON");
        let mut text = String::from_utf8(text).expect("JSON is UTF-8");
        text.push('\n');
        text
    }

    /// Format 4.5 asks for ids that are unique. Those that are missing are derived from the cell's
    /// place and text, so that a second run makes the same ones.
    fn ensure_ids(&mut self) {
        let mut taken = HashSet::new();
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let kept = cell
                .fields
                .get("id")
                .and_then(Value::as_str)
                .filter(|id| is_id(id) && !taken.contains(*id));
            let id = kept.map(str::to_owned).unwrap_or_else(|| {
                (0..)
                    .map(|salt| made_id(index, salt, &cell.source))
                    .find(|id| !taken.contains(id))
                    .expect("endless")
            });
            cell.fields.insert("id".to_owned(), json!(id));
            taken.insert(id);
        }
    }
}

fn check_format(fields: &Map<String, Value>) -> anyhow::Result<()> {
    match fields.get("nbformat").and_then(Value::as_u64) {
        Some(4) => Ok(()),
        Some(older @ 1..=3) => bail!(
            "it is a notebook of format {older}, and only format 4 is supported; \
             `jupyter nbconvert --to notebook --nbformat 4` converts it"
        ),
        Some(newer) => bail!("it is a notebook of format {newer}, and only format 4 is supported"),
        None => bail!("it is JSON, but not a notebook: it does not say its `nbformat`"),
    }
}

fn check_language(fields: &Map<String, Value>) -> anyhow::Result<()> {
    let metadata = fields.get("metadata").unwrap_or(&Value::Null);
    let language = [&metadata["kernelspec"]["language"], &metadata["language_info"]["name"]];
    match language.into_iter().find_map(Value::as_str) {
        Some(language) if !language.eq_ignore_ascii_case("rust") => {
            bail!("it says that its code is {language}, and this is a kernel for Rust")
        }
        _ => Ok(()),
    }
}

fn parse_cell(cell: Value) -> anyhow::Result<Cell> {
    let Value::Object(mut fields) = cell else {
        bail!("it is not an object")
    };
    let kind = match fields.get("cell_type").and_then(Value::as_str) {
        Some("code") => CellKind::Code,
        Some("markdown") => CellKind::Markdown,
        Some("raw") => CellKind::Raw,
        Some(other) => bail!("its type is {other:?}, which is neither code, markdown nor raw"),
        None => bail!("it has no type"),
    };
    let source = fields
        .remove("source")
        .as_ref()
        .and_then(joined)
        .ok_or_else(|| anyhow!("it has no source"))?;
    fields.entry("metadata").or_insert_with(|| json!({}));
    fields.remove("outputs");
    fields.remove("execution_count");
    Ok(Cell {
        kind,
        source,
        execution_count: None,
        outputs: Vec::new(),
        fields,
    })
}

fn cell_json(cell: &Cell) -> Value {
    let mut fields = cell.fields.clone();
    fields.insert("source".to_owned(), lines(&cell.source));
    if cell.kind == CellKind::Code {
        fields.insert("execution_count".to_owned(), json!(cell.execution_count));
        fields.insert("outputs".to_owned(), cell.outputs.iter().map(Output::to_json).collect());
    }
    Value::Object(fields)
}

/// Text that may be split into lines.
fn joined(text: &Value) -> Option<String> {
    match text {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Text as Jupyter writes it: split into lines.
pub(super) fn lines(text: &str) -> Value {
    text.split_inclusive('\n').collect()
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn made_id(index: usize, salt: u32, source: &str) -> String {
    crate::hex::encode(&Sha256::digest(format!("{index} {salt} {source}"))[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notebook(cells: Value) -> Value {
        json!({"nbformat": 4, "nbformat_minor": 4, "metadata": {"ours": [1]}, "cells": cells})
    }

    fn code(source: &str) -> Value {
        json!({"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": null})
    }

    fn parse(document: &Value) -> anyhow::Result<Notebook> {
        Notebook::parse(&document.to_string())
    }

    fn rewritten(document: &Value) -> Value {
        serde_json::from_str(&parse(document).unwrap().to_json()).unwrap()
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let mut cell = code("1\n2");
        cell["id"] = json!("kept-id");
        cell["metadata"] = json!({"tags": ["t"], "vendor": {"x": null}});
        let prose = json!({"cell_type": "markdown", "id": "p", "source": "hi", "metadata": {}, "attachments": {"a.png": {"image/png": "eA=="}}});
        let written = rewritten(&notebook(json!([cell, prose])));
        assert_eq!(written["metadata"]["ours"], json!([1]));
        assert_eq!(written["cells"][0]["id"], "kept-id");
        assert_eq!(written["cells"][0]["metadata"], cell["metadata"]);
        assert_eq!(written["cells"][0]["source"], json!(["1\n", "2"]));
        assert_eq!(written["cells"][1]["attachments"], prose["attachments"]);
        assert_eq!(written["cells"][1].get("outputs"), None);
        assert_eq!(written["nbformat_minor"], 5);
    }

    #[test]
    fn missing_and_repeated_ids_are_made_and_stay_the_same() {
        let mut twin = code("1");
        twin["id"] = json!("twin");
        let mut bad = code("1");
        bad["id"] = json!("no spaces!");
        let document = notebook(json!([twin, twin, code("1"), bad]));
        let ids = |document: &Value| -> Vec<String> {
            let written = rewritten(document);
            written["cells"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cell| cell["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let first = ids(&document);
        assert_eq!(first[0], "twin");
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 4, "{first:?}");
        assert_eq!(first, ids(&document));
    }

    #[test]
    fn old_outputs_are_not_taken_over() {
        let mut cell = code("1");
        cell["outputs"] = json!([{"output_type": "stream", "name": "stdout", "text": "old"}]);
        cell["execution_count"] = json!(3);
        let written = rewritten(&notebook(json!([cell])));
        assert_eq!(
            (&written["cells"][0]["outputs"], &written["cells"][0]["execution_count"]),
            (&json!([]), &json!(null))
        );
    }

    #[test]
    fn a_reader_learns_what_is_wrong() {
        for (text, complaint) in [
            ("{".to_owned(), "it is not JSON"),
            ("[]".to_owned(), "not an object"),
            ("{}".to_owned(), "does not say its `nbformat`"),
            (
                json!({"nbformat": 3, "worksheets": []}).to_string(),
                "nbconvert --to notebook",
            ),
            (json!({"nbformat": 4}).to_string(), "no list of cells"),
            (notebook(json!([])).to_string(), "no code cells"),
            (notebook(json!([code(" \n")])).to_string(), "no code cells"),
            (
                notebook(json!([code("1"), {"cell_type": "code"}])).to_string(),
                "cell 2 is not valid: it has no source",
            ),
            (
                notebook(json!([{"cell_type": "heading", "source": ""}])).to_string(),
                "neither code, markdown nor raw",
            ),
            (
                json!({"nbformat": 4, "cells": [code("1")], "metadata": {"kernelspec": {"language": "python"}}})
                    .to_string(),
                "its code is python",
            ),
        ] {
            let error = format!("{:#}", Notebook::parse(&text).unwrap_err());
            assert!(error.contains(complaint), "{text}: {error}");
        }
    }

    #[test]
    fn the_kernel_is_named_unless_it_is_one_of_rust() {
        let mut document = notebook(json!([code("1")]));
        let named = |document: &Value| {
            let mut notebook = parse(document).unwrap();
            notebook.set_kernel(json!({"name": "rust"}));
            serde_json::from_str::<Value>(&notebook.to_json()).unwrap()["metadata"].clone()
        };
        assert_eq!(named(&document)["kernelspec"]["name"], "crabtree");
        assert_eq!(named(&document)["language_info"], json!({"name": "rust"}));
        document["metadata"]["kernelspec"] = json!({"name": "crabtree-dev", "language": "rust", "display_name": "x"});
        assert_eq!(named(&document)["kernelspec"]["name"], "crabtree-dev");
    }

    #[test]
    fn the_file_looks_as_jupyter_writes_it() {
        let text = parse(&notebook(json!([code("1")]))).unwrap().to_json();
        assert!(
            text.starts_with("{\n \"cells\": [\n  {\n   \"cell_type\": \"code\",\n   \"execution_count\": null,"),
            "{text}"
        );
        assert!(text.ends_with("\"nbformat_minor\": 5\n}\n"), "{text}");
    }
}
