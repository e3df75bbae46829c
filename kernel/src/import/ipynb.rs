//! What was read from Livebook, as a notebook of format 4.5.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::livemd::{Cell, Livemd};

/// The longest id that the format allows.
const LONGEST_ID: usize = 64;

/// The notebook, as it stands in a file.
pub(super) fn notebook(livemd: &Livemd) -> Value {
    let mut ids = Ids::default();
    let mut cells = Vec::new();
    for cell in &livemd.cells {
        match cell {
            Cell::Markdown(text) => {
                ids.section(text);
                cells.push(markdown(&ids.next(""), &with_links_of_jupyter(text)));
            }
            Cell::Code {
                language,
                source,
                outputs,
            } => {
                cells.push(markdown(&ids.next(language), &as_prose(language, source, outputs)));
                cells.push(json!({
                    "cell_type": "code", "id": ids.next("rust"), "metadata": {}, "source": [], "outputs": [],
                    "execution_count": null,
                }));
            }
        }
    }
    json!({
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "crabtree", "display_name": "Rust (Crabtree)", "language": "rust"},
            "language_info": {"name": "rust", "file_extension": ".rs", "mimetype": "text/rust"},
        },
        "cells": cells,
    })
}

fn markdown(id: &str, text: &str) -> Value {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    json!({"cell_type": "markdown", "id": id, "metadata": {}, "source": lines})
}

/// A cell's code, and what it put out, to be read.
fn as_prose(language: &str, source: &str, outputs: &[String]) -> String {
    let mut text = fenced(language, source);
    for output in outputs {
        text.push_str("\n\nIts output:\n\n");
        text.push_str(&fenced("text", output));
    }
    text
}

/// The text in a fence that it does not close itself.
fn fenced(language: &str, text: &str) -> String {
    let longest = text
        .lines()
        .map(|line| line.trim_start().chars().take_while(|&one| one == '`').count())
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}")
}

/// Links lead to what they mean here: those to other notebooks of Livebook to what these become, those to attachments to
/// files. nbconvert takes `files/` for an old sign of Jupyter's, and off the link, where nothing stands before it.
fn with_links_of_jupyter(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(".livemd") {
        let (before, after) = rest.split_at(at);
        let target = before.rsplit(['(', '"', '\'']).next().unwrap_or_default();
        let ends = after[".livemd".len()..].starts_with([')', '"', '\'', '#']);
        let is_ours = ends && !target.contains("://") && !target.contains(char::is_whitespace);
        result.push_str(before);
        result.push_str(if is_ours { ".ipynb" } else { ".livemd" });
        rest = &after[".livemd".len()..];
    }
    result.push_str(rest);
    result.replace("](files/", "](./files/")
}

/// Ids that say where a cell is, and stay the same when a notebook is imported again.
#[derive(Default)]
struct Ids {
    section: String,
    taken: HashSet<String>,
}

impl Ids {
    /// A text that may begin a section.
    fn section(&mut self, text: &str) {
        let Some(heading) = text.lines().next().and_then(|line| line.strip_prefix('#')) else {
            return;
        };
        let words = heading
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        let slug = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
        self.section = slug.chars().take(LONGEST_ID / 2).collect();
    }

    /// An id for the next cell of the section.
    fn next(&mut self, what: &str) -> String {
        let parts = [self.section.as_str(), what];
        let name = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("-");
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "-");
        let name = if name.is_empty() { "text".to_owned() } else { name };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let id = std::iter::once(name.clone())
            .chain(numbered)
            .find(|id| !self.taken.contains(id))
            .expect("endless");
        self.taken.insert(id.clone());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::livemd::parse;

    fn cells(text: &str) -> Vec<(String, String, String)> {
        let notebook = notebook(&parse(text));
        let cells = notebook["cells"].as_array().unwrap().iter();
        cells
            .map(|cell| {
                let lines = cell["source"].as_array().unwrap().iter();
                let source = lines.map(|line| line.as_str().unwrap()).collect();
                let text = |key: &str| cell[key].as_str().unwrap().to_owned();
                (text("cell_type"), text("id"), source)
            })
            .collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, &str)]) {
        let found = cells(text);
        let found: Vec<(&str, &str, &str)> = found.iter().map(|(a, b, c)| (&**a, &**b, &**c)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn elixir_is_there_to_read_above_a_cell_for_rust() {
        check(
            "# The Title!\n\n## A\n\n```elixir\n1 + 1\n```\n\n<!-- livebook:{\"output\":true} -->\n\n```\n2\n```\n\n```erlang\nok.\n```\n",
            &[
                ("markdown", "the-title", "# The Title!"),
                ("markdown", "a", "## A"),
                (
                    "markdown",
                    "a-elixir",
                    "```elixir\n1 + 1\n```\n\nIts output:\n\n```text\n2\n```",
                ),
                ("code", "a-rust", ""),
                ("markdown", "a-erlang", "```erlang\nok.\n```"),
                ("code", "a-rust-2", ""),
            ],
        );
    }

    #[test]
    fn ids_are_unique_and_of_the_form_that_notebooks_ask_for() {
        let heading = "é ".repeat(10) + &"word ".repeat(40);
        let text = format!("## {heading}\n\na\n\n## {heading}\n\n```pyproject.toml\nx\n```\n\n## …\n\nb\n");
        let mut seen = HashSet::new();
        for (_, id, _) in cells(&text) {
            assert!(id.len() <= LONGEST_ID && !id.is_empty(), "{id}");
            assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{id}");
            assert!(seen.insert(id.clone()), "{id} twice");
        }
        assert_eq!(seen.len(), 5);
    }

    #[test]
    fn a_fence_within_the_code_stays_inside() {
        assert_eq!(fenced("elixir", "x\n```\ny"), "````elixir\nx\n```\ny\n````");
    }

    #[test]
    fn links_to_neighbours_lead_to_notebooks() {
        let text = "[a](b.livemd) <a href=\"c.livemd\">c</a> [d](b.livemd#x) [e](https://e.org/b.livemd) b.livemd (a b.livemd)";
        let expected =
            "[a](b.ipynb) <a href=\"c.ipynb\">c</a> [d](b.ipynb#x) [e](https://e.org/b.livemd) b.livemd (a b.livemd)";
        assert_eq!(with_links_of_jupyter(text), expected);
    }

    #[test]
    fn links_to_attachments_are_ones_that_nbconvert_leaves_alone() {
        assert_eq!(
            with_links_of_jupyter("![a](files/b.svg) (files/c)"),
            "![a](./files/b.svg) (files/c)"
        );
    }
}
