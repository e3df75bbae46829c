//! An executed notebook as one page that needs nothing else: no network, no scripts.
//!
//! Text is escaped; HTML that the notebook itself holds, in prose and in outputs, is taken as it
//! is. Pictures become part of the page.

mod highlight;
mod markdown;
mod output;
mod pictures;

use std::fmt::Write;
use std::path::Path;

use self::pictures::Pictures;
use super::notebook::{Cell, CellKind, Notebook};

const STYLE: &str = include_str!("style.css");

/// The page for `notebook`, whose pictures lie in `directory`. `name` is its title if it has none.
pub(super) fn page(notebook: &Notebook, name: &str, directory: &Path) -> String {
    let title = escape(notebook.title().unwrap_or(name));
    let mut body = String::new();
    for cell in &notebook.cells {
        push_cell(&mut body, cell, directory);
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"crabtree {}\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
    )
}

fn push_cell(body: &mut String, cell: &Cell, directory: &Path) {
    let id = escape(&cell.id());
    // Writing to a string cannot fail.
    let _ = match cell.kind {
        CellKind::Markdown => {
            let prose = markdown::to_html(&cell.source, &Pictures::new(directory, Some(cell)));
            writeln!(body, "<section class=\"prose\" id=\"cell-{id}\">\n{prose}</section>")
        }
        // Meant for one exporter, which is not this one.
        CellKind::Raw => Ok(()),
        CellKind::Code => {
            let label = cell
                .execution_count
                .map_or_else(|| " ".to_owned(), |count| count.to_string());
            let code = highlight::rust(&cell.source);
            let outputs: String = cell
                .outputs
                .iter()
                .map(|output| output::to_html(output, directory))
                .collect();
            writeln!(
                body,
                "<section class=\"code\" id=\"cell-{id}\">\n<pre class=\"source\" data-count=\"{label}\"><code>{code}</code></pre>\n{outputs}</section>"
            )
        }
    };
}

/// Text as it stands in HTML, also within an attribute.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::outputs::Output;
    use serde_json::json;

    fn page_of(cells: serde_json::Value, outputs: Vec<Output>) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("n.ipynb");
        std::fs::write(
            &file,
            json!({"nbformat": 4, "metadata": {}, "cells": cells}).to_string(),
        )
        .unwrap();
        let mut notebook = Notebook::read(&file).unwrap();
        let code = notebook
            .cells
            .iter_mut()
            .find(|cell| cell.kind == CellKind::Code)
            .unwrap();
        (code.outputs, code.execution_count) = (outputs, Some(3));
        page(&notebook, "n", directory.path())
    }

    fn code(source: &str) -> serde_json::Value {
        json!({"cell_type": "code", "id": "c", "source": source})
    }

    #[test]
    fn the_title_is_the_first_heading_else_the_files_name() {
        let prose = json!({"cell_type": "markdown", "source": "text\n\n# Trees & <crabs>\n"});
        assert!(page_of(json!([prose, code("1")]), vec![]).contains("<title>Trees &amp; &lt;crabs&gt;</title>"));
        assert!(page_of(json!([code("1")]), vec![]).contains("<title>n</title>"));
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        let outputs = vec![Output::Stream {
            name: "stdout".to_owned(),
            text: "<script>alert(1)</script>".to_owned(),
        }];
        let page = page_of(json!([code("let x = \"<script>\";")]), outputs);
        for forbidden in ["<script", "<link", "src=\"http", "@import", "url("] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
    }

    #[test]
    fn a_code_cell_shows_its_number_its_code_and_its_outputs() {
        let output = Output::Stream {
            name: "stderr".to_owned(),
            text: "\u{1b}[31mred\u{1b}[0m & more".to_owned(),
        };
        let page = page_of(json!([code("1 < 2")]), vec![output]);
        assert!(
            page.contains("id=\"cell-c\"") && page.contains("data-count=\"3\""),
            "{page}"
        );
        assert!(page.contains("&lt;"), "{page}");
        assert!(page.contains("red</span> &amp; more"), "{page}");
    }
}
