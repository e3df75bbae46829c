//! Livebook's format: Markdown in which some fences are cells, and comments say what Markdown cannot.
//!
//! The format has no errors: what is not understood is prose.

use serde_json::Value;

/// A notebook of Livebook.
#[derive(Debug, Default)]
pub(super) struct Livemd {
    /// The cells in order.
    pub(super) cells: Vec<Cell>,
    /// The names of the files that belong to the notebook.
    pub(super) attachments: Vec<String>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Prose. The title and each section begin one.
    Markdown(String),
    /// Code that Livebook runs.
    Code {
        /// `elixir` or `erlang`, and what other languages Livebook learns.
        language: String,
        /// The code.
        source: String,
        /// What it put out when the notebook was saved.
        outputs: Vec<String>,
    },
}

impl Livemd {
    /// The cells that Livebook runs.
    pub(super) fn code_cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| matches!(cell, Cell::Code { .. }))
    }

    /// How many outputs were saved.
    pub(super) fn outputs(&self) -> usize {
        let outputs = |cell: &Cell| match cell {
            Cell::Code { outputs, .. } => outputs.len(),
            Cell::Markdown(_) => 0,
        };
        self.cells.iter().map(outputs).sum()
    }
}

/// The languages whose fences are cells.
const LANGUAGES: [&str; 4] = ["elixir", "erlang", "python", "pyproject.toml"];

/// Reads a notebook.
pub(super) fn parse(text: &str) -> Livemd {
    let mut reader = Reader::default();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(said) = annotation(line) {
            reader.annotation(&said);
        } else if let Some(fence) = Fence::open(line) {
            let mut inside = Vec::new();
            let mut closed = None;
            for line in lines.by_ref() {
                if fence.closes(line) {
                    closed = Some(line);
                    break;
                }
                inside.push(line);
            }
            reader.fence(&fence, line, &inside, closed);
        } else {
            reader.prose(line);
        }
    }
    reader.end_of_prose();
    reader.notebook
}

/// What the comment of a line says to Livebook.
fn annotation(line: &str) -> Option<Value> {
    let said = line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
    serde_json::from_str(said.strip_prefix("livebook:")?).ok()
}

/// The first line of a fence.
struct Fence {
    indent: usize,
    mark: char,
    length: usize,
    info: String,
}

impl Fence {
    fn open(line: &str) -> Option<Fence> {
        let trimmed = line.trim_start();
        let mark = trimmed.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = trimmed.chars().take_while(|one| *one == mark).count();
        let info = trimmed[length..].trim().to_owned();
        let is_fence = length >= 3 && !(mark == '`' && info.contains('`'));
        is_fence.then_some(Fence {
            indent: line.len() - trimmed.len(),
            mark,
            length,
            info,
        })
    }

    fn closes(&self, line: &str) -> bool {
        let trimmed = line.trim();
        trimmed.chars().count() >= self.length && trimmed.chars().all(|one| one == self.mark)
    }

    /// Whether Livebook runs what is inside. A fence within a list belongs to the list.
    fn is_cell(&self) -> bool {
        self.indent == 0 && LANGUAGES.contains(&self.info.as_str())
    }
}

#[derive(Default)]
struct Reader {
    notebook: Livemd,
    prose: Vec<String>,
    next_is_markdown: bool,
    next_is_output: bool,
}

impl Reader {
    fn annotation(&mut self, said: &Value) {
        let is = |key: &str| said[key] == true;
        if is("break_markdown") {
            self.end_of_prose();
        }
        self.next_is_markdown |= is("force_markdown");
        self.next_is_output |= is("output");
        let files = said["file_entries"].as_array().into_iter().flatten();
        let attached = files.filter(|file| file["type"] == "attachment");
        let names = attached.filter_map(|file| file["name"].as_str().map(str::to_owned));
        self.notebook.attachments.extend(names);
    }

    fn fence(&mut self, fence: &Fence, first: &str, inside: &[&str], last: Option<&str>) {
        let is_output = std::mem::take(&mut self.next_is_output);
        let is_markdown = std::mem::take(&mut self.next_is_markdown);
        if is_output && let Some(Cell::Code { outputs, .. }) = self.notebook.cells.last_mut() {
            outputs.push(inside.join("\n"));
        } else if fence.is_cell() && !is_markdown {
            self.end_of_prose();
            self.notebook.cells.push(Cell::Code {
                language: fence.info.clone(),
                source: inside.join("\n"),
                outputs: Vec::new(),
            });
        } else {
            let lines = std::iter::once(first).chain(inside.iter().copied()).chain(last);
            self.prose.extend(lines.map(str::to_owned));
        }
    }

    fn prose(&mut self, line: &str) {
        let begins_section = line.starts_with("# ") || line.starts_with("## ");
        if begins_section {
            self.end_of_prose();
        }
        if !line.trim().is_empty() {
            // What was announced must come next.
            self.next_is_markdown = false;
            self.next_is_output = false;
        }
        self.prose.push(line.to_owned());
    }

    fn end_of_prose(&mut self) {
        let text = std::mem::take(&mut self.prose).join("\n");
        let text = text.trim_matches('\n');
        if !text.trim().is_empty() {
            self.notebook.cells.push(Cell::Markdown(text.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown(text: &str) -> Cell {
        Cell::Markdown(text.to_owned())
    }

    fn code(source: &str, outputs: &[&str]) -> Cell {
        Cell::Code {
            language: "elixir".to_owned(),
            source: source.to_owned(),
            outputs: outputs.iter().map(|&output| output.to_owned()).collect(),
        }
    }

    #[track_caller]
    fn check(text: &str, cells: &[Cell]) {
        assert_eq!(parse(text).cells, cells, "{text}");
    }

    #[test]
    fn sections_begin_cells_and_code_is_cut_out_of_prose() {
        check(
            "# Title\n\nHello.\n\n## Section\n\nText\n\n```elixir\n# no heading\n1 + 1\n```\n\nMore\n",
            &[
                markdown("# Title\n\nHello."),
                markdown("## Section\n\nText"),
                code("# no heading\n1 + 1", &[]),
                markdown("More"),
            ],
        );
    }

    #[test]
    fn what_is_only_shown_stays_in_the_prose() {
        check(
            "a\n\n<!-- livebook:{\"force_markdown\":true} -->\n\n```elixir\nx\n```\n\n* list\n\n  ```elixir\n  y\n  ```\n\n```csv\n1,2\n```\n",
            &[markdown(
                "a\n\n\n```elixir\nx\n```\n\n* list\n\n  ```elixir\n  y\n  ```\n\n```csv\n1,2\n```",
            )],
        );
    }

    #[test]
    fn prose_is_split_where_livebook_says_so() {
        check(
            "a\n\n<!-- livebook:{\"break_markdown\":true} -->\n\nb\n",
            &[markdown("a"), markdown("b")],
        );
    }

    #[test]
    fn outputs_belong_to_the_code_above() {
        let output = "<!-- livebook:{\"output\":true} -->\n\n```\n2\n```\n\n";
        check(
            &format!("```elixir\n1 + 1\n```\n\n{output}{output}```elixir\nx\n```\n"),
            &[code("1 + 1", &["2", "2"]), code("x", &[])],
        );
        check(&format!("text\n\n{output}"), &[markdown("text\n\n\n```\n2\n```")]);
    }

    #[test]
    fn fences_end_with_their_own_mark() {
        check(
            "````elixir\n```\n````\n",
            &[Cell::Code {
                language: "elixir".to_owned(),
                source: "```".to_owned(),
                outputs: Vec::new(),
            }],
        );
        check("~~~\n```elixir\n~~~\n", &[markdown("~~~\n```elixir\n~~~")]);
        check("```elixir\nunclosed", &[code("unclosed", &[])]);
        check("``` `inline` ```", &[markdown("``` `inline` ```")]);
    }

    #[test]
    fn attachments_are_named_by_the_first_comment() {
        let text = "<!-- livebook:{\"file_entries\":[{\"name\":\"a.svg\",\"type\":\"attachment\"},{\"name\":\"b\",\"type\":\"url\"}]} -->\n\n# T\n";
        assert_eq!(parse(text).attachments, ["a.svg"]);
    }

    #[test]
    fn anything_is_a_notebook() {
        check("", &[]);
        check("<!-- livebook:{broken -->", &[markdown("<!-- livebook:{broken -->")]);
        check("\u{feff}# T", &[markdown("\u{feff}# T")]);
    }
}
