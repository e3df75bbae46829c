//! The outputs of cells, put together from messages as nbclient does it.

use serde_json::{Map, Value, json};

use super::notebook::lines;

/// One output of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    /// Text written to stdout or stderr.
    Stream {
        /// `stdout` or `stderr`.
        name: String,
        /// The text.
        text: String,
    },
    /// Something shown, or the cell's value.
    Rich {
        /// Its representations by mime type.
        data: Map<String, Value>,
        /// Metadata by mime type.
        metadata: Map<String, Value>,
        /// The name by which it can be updated.
        display_id: Option<String>,
        /// The cell's number, if this is its value.
        result_of: Option<u64>,
    },
    /// The cell failed.
    Error {
        /// The kind of error.
        ename: String,
        /// What went wrong.
        evalue: String,
        /// The report by lines.
        traceback: Vec<String>,
    },
}

impl Output {
    /// The output as it stands in a notebook.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Output::Stream { name, text } => json!({"output_type": "stream", "name": name, "text": lines(text)}),
            Output::Rich {
                data,
                metadata,
                result_of,
                ..
            } => {
                let data: Map<String, Value> = data
                    .iter()
                    .map(|(mime, data)| (mime.clone(), in_lines(mime, data)))
                    .collect();
                match result_of {
                    Some(count) => {
                        json!({"output_type": "execute_result", "data": data, "metadata": metadata, "execution_count": count})
                    }
                    None => json!({"output_type": "display_data", "data": data, "metadata": metadata}),
                }
            }
            Output::Error {
                ename,
                evalue,
                traceback,
            } => {
                json!({"output_type": "error", "ename": ename, "evalue": evalue, "traceback": traceback})
            }
        }
    }
}

/// Text that Jupyter splits into lines is split; pictures in base64 and JSON are not.
fn in_lines(mime: &str, data: &Value) -> Value {
    match data {
        Value::String(text)
            if mime.starts_with("text/") || mime == "image/svg+xml" || mime == "application/javascript" =>
        {
            lines(text)
        }
        _ => data.clone(),
    }
}

/// The outputs of all cells of a notebook while it is executed.
#[derive(Debug)]
pub(super) struct Outputs {
    cells: Vec<CellOutputs>,
}

#[derive(Clone, Debug, Default)]
struct CellOutputs {
    outputs: Vec<Output>,
    clear_before_next: bool,
}

impl Outputs {
    /// For so many cells, none of which has put out anything.
    pub(super) fn new(cells: usize) -> Outputs {
        Outputs {
            cells: vec![CellOutputs::default(); cells],
        }
    }

    /// The outputs of a cell so far.
    pub(super) fn of(&self, cell: usize) -> &[Output] {
        &self.cells[cell].outputs
    }

    /// Takes in a message of IOPub that belongs to `cell`. Those that are no output change nothing.
    pub(super) fn apply(&mut self, cell: usize, msg_type: &str, content: &Value) {
        let text = |key: &str| content[key].as_str().unwrap_or_default().to_owned();
        let map = |key: &str| content[key].as_object().cloned().unwrap_or_default();
        let display_id = content["transient"]["display_id"].as_str().map(str::to_owned);
        match msg_type {
            "stream" => self.cells[cell].push(Output::Stream {
                name: text("name"),
                text: text("text"),
            }),
            "display_data" | "execute_result" => self.cells[cell].push(Output::Rich {
                data: map("data"),
                metadata: map("metadata"),
                display_id,
                result_of: content["execution_count"]
                    .as_u64()
                    .filter(|_| msg_type == "execute_result"),
            }),
            "error" => {
                let traceback = content["traceback"].as_array().into_iter().flatten();
                let traceback = traceback.filter_map(Value::as_str).map(str::to_owned).collect();
                self.cells[cell].push(Output::Error {
                    ename: text("ename"),
                    evalue: text("evalue"),
                    traceback,
                });
            }
            "clear_output" => self.cells[cell].clear(content["wait"] == true),
            "update_display_data" => self.update(display_id.as_deref(), &map("data"), &map("metadata")),
            _ => {}
        }
    }

    /// Replaces all displays of that id, of whatever cell.
    fn update(&mut self, id: Option<&str>, new_data: &Map<String, Value>, new_metadata: &Map<String, Value>) {
        for output in self.cells.iter_mut().flat_map(|cell| &mut cell.outputs) {
            if let Output::Rich {
                data,
                metadata,
                display_id,
                ..
            } = output
                && id.is_some()
                && display_id.as_deref() == id
            {
                data.clone_from(new_data);
                metadata.clone_from(new_metadata);
            }
        }
    }
}

impl CellOutputs {
    fn push(&mut self, output: Output) {
        if std::mem::take(&mut self.clear_before_next) {
            self.outputs.clear();
        }
        if let (
            Some(Output::Stream {
                name: last_name,
                text: last_text,
            }),
            Output::Stream { name, text },
        ) = (self.outputs.last_mut(), &output)
            && last_name == name
        {
            last_text.push_str(text);
        } else {
            self.outputs.push(output);
        }
    }

    fn clear(&mut self, wait: bool) {
        self.clear_before_next = wait;
        if !wait {
            self.outputs.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outputs of two cells after messages, each for the cell of its number.
    fn check(messages: &[(usize, &str, Value)], first: Value, second: Value) {
        let mut outputs = Outputs::new(2);
        for (cell, msg_type, content) in messages {
            outputs.apply(*cell, msg_type, content);
        }
        let of = |cell| outputs.of(cell).iter().map(Output::to_json).collect::<Value>();
        assert_eq!((of(0), of(1)), (first, second));
    }

    fn stream(name: &str, text: &str) -> Value {
        json!({"name": name, "text": text})
    }

    fn written(name: &str, lines: &[&str]) -> Value {
        json!({"output_type": "stream", "name": name, "text": lines})
    }

    fn display(text: &str, id: Option<&str>) -> Value {
        let transient = id.map_or(json!({}), |id| json!({"display_id": id}));
        json!({"data": {"text/plain": text}, "metadata": {}, "transient": transient})
    }

    fn displayed(text: &str) -> Value {
        json!({"output_type": "display_data", "data": {"text/plain": [text]}, "metadata": {}})
    }

    #[test]
    fn neighbouring_texts_of_one_stream_are_joined() {
        check(
            &[
                (0, "stream", stream("stdout", "a")),
                (0, "stream", stream("stdout", "b\nc")),
                (0, "stream", stream("stderr", "e")),
                (0, "stream", stream("stdout", "d")),
            ],
            json!([
                written("stdout", &["ab\n", "c"]),
                written("stderr", &["e"]),
                written("stdout", &["d"])
            ]),
            json!([]),
        );
    }

    #[test]
    fn late_output_lands_in_its_own_cell() {
        check(
            &[
                (1, "stream", stream("stdout", "new")),
                (0, "stream", stream("stdout", "late")),
            ],
            json!([written("stdout", &["late"])]),
            json!([written("stdout", &["new"])]),
        );
    }

    #[test]
    fn an_update_reaches_every_display_of_its_id_also_in_other_cells() {
        check(
            &[
                (0, "display_data", display("old", Some("d"))),
                (0, "display_data", display("other", Some("e"))),
                (0, "display_data", display("nameless", None)),
                (1, "display_data", display("old", Some("d"))),
                (1, "update_display_data", display("new", Some("d"))),
            ],
            json!([displayed("new"), displayed("other"), displayed("nameless")]),
            json!([displayed("new")]),
        );
    }

    #[test]
    fn clearing_takes_effect_at_once_or_with_the_next_output() {
        let wait = |wait: bool| json!({"wait": wait});
        check(
            &[
                (0, "stream", stream("stdout", "gone")),
                (0, "clear_output", wait(false)),
                (1, "stream", stream("stdout", "stays until")),
                (1, "clear_output", wait(true)),
            ],
            json!([]),
            json!([written("stdout", &["stays until"])]),
        );
        check(
            &[
                (0, "stream", stream("stdout", "gone")),
                (0, "clear_output", wait(true)),
                (0, "stream", stream("stdout", "new")),
                (0, "stream", stream("stdout", "er")),
            ],
            json!([written("stdout", &["newer"])]),
            json!([]),
        );
    }

    #[test]
    fn results_and_errors_stand_as_the_format_asks() {
        check(
            &[
                (
                    0,
                    "execute_result",
                    json!({"execution_count": 4, "data": {"text/plain": "42"}, "metadata": {}}),
                ),
                (
                    1,
                    "error",
                    json!({"ename": "Panic", "evalue": "BOOM", "traceback": ["a", "b"]}),
                ),
                (1, "status", json!({"execution_state": "idle"})),
            ],
            json!([{"output_type": "execute_result", "execution_count": 4, "data": {"text/plain": ["42"]}, "metadata": {}}]),
            json!([{"output_type": "error", "ename": "Panic", "evalue": "BOOM", "traceback": ["a", "b"]}]),
        );
    }

    #[test]
    fn text_is_split_into_lines_and_pictures_are_not() {
        let data = json!({"text/html": "a\nb", "image/svg+xml": "<svg>\n</svg>", "image/png": "QUJD", "application/json": {"a": "b\nc"}});
        check(
            &[(
                0,
                "display_data",
                json!({"data": data, "metadata": {}, "transient": {}}),
            )],
            json!([{"output_type": "display_data", "metadata": {}, "data": {
                "text/html": ["a\n", "b"], "image/svg+xml": ["<svg>\n", "</svg>"], "image/png": "QUJD",
                "application/json": {"a": "b\nc"},
            }}]),
            json!([]),
        );
    }
}
