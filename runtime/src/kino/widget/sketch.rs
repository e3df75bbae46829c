//! A control where nobody can use it: in letters, and as a picture.

use serde_json::Value;
use std::fmt::Write;

use super::model::{Models, State};
use crate::kino::process::words::{columns, shortened};
use crate::kino::xml::push_escaped;
use crate::kino::{Bundle, compose};

const ROW: usize = 34;
const LETTER: f64 = 7.4;
const LONGEST: usize = 40;

/// One part of a control.
enum Row {
    Button(String),
    Checkbox(String, bool),
    Field(String, String),
}

/// The control as it is now.
pub(super) fn draw(models: &Models) -> Bundle {
    let rows: Vec<Row> = models.kinds().map(|(kind, state)| Row::of(kind, state)).collect();
    let texts: Vec<String> = rows.iter().map(Row::text).collect();
    let text = texts.join("\n");
    compose::picture(&svg(&rows, &text), &text)
}

impl Row {
    fn of(kind: &str, state: &State) -> Row {
        let label = shortened(text(&state["description"]).trim(), LONGEST).into_owned();
        let value = &state.get("value").cloned().unwrap_or_default();
        match kind {
            "Button" => Row::Button(label),
            "Checkbox" => Row::Checkbox(label, value == &Value::Bool(true)),
            _ => {
                let value = match kind {
                    "Dropdown" => {
                        let index = state["index"].as_u64().and_then(|index| usize::try_from(index).ok());
                        index.map_or_else(String::new, |index| text(&state["_options_labels"][index]))
                    }
                    "DatePicker" => date(value).map_or_else(String::new, |(y, m, d)| format!("{y:04}-{m:02}-{d:02}")),
                    "FileUpload" => text(&value[0]["name"]),
                    _ => text(value),
                };
                let line = value.lines().next().unwrap_or_default();
                Row::Field(label, shortened(line, LONGEST).into_owned())
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Row::Button(label) => format!("[ {label} ]"),
            Row::Checkbox(label, true) => format!("[x] {label}"),
            Row::Checkbox(label, false) => format!("[ ] {label}"),
            Row::Field(label, value) => format!("{label}: {value}"),
        }
    }
}

/// Year, month and day. The front end counts months from 0.
pub(crate) fn date(value: &Value) -> Option<(i32, u32, u32)> {
    let number = |key: &str| value[key].as_i64();
    let year = i32::try_from(number("year")?).ok()?;
    let month = u32::try_from(number("month")? + 1).ok()?;
    Some((year, month, u32::try_from(number("date")?).ok()?))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn width(text: &str) -> usize {
    (columns(text) as f64 * LETTER).ceil() as usize
}

fn svg(rows: &[Row], summary: &str) -> String {
    const EXPECT: &str = "writing to a String cannot fail";
    let labels = rows.iter().map(|row| match row {
        Row::Field(label, _) => width(label) + 12,
        _ => 0,
    });
    let left = 10 + labels.max().unwrap_or(0);
    let boxes = rows.iter().map(|row| match row {
        Row::Button(label) => width(label) + 32,
        Row::Checkbox(label, _) => width(label) + 24,
        Row::Field(_, value) => width(value) + 24,
    });
    let room = boxes.max().unwrap_or(0).max(120);
    let (w, h) = (left + room + 10, rows.len() * ROW + 10);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{w}" height="{h}" viewBox="0 0 {w} {h}" font-family="ui-monospace,Menlo,Consolas,monospace" font-size="12"><title>"#
    );
    push_escaped(&mut svg, "A control");
    svg.push_str("</title><desc>");
    push_escaped(&mut svg, summary);
    svg.push_str("</desc>");
    write!(
        svg,
        r##"<rect x="0.5" y="0.5" width="{}" height="{}" rx="8" fill="#ffffff" stroke="#e5e7eb"/>"##,
        w - 1,
        h - 1
    )
    .expect(EXPECT);
    for (n, row) in rows.iter().enumerate() {
        let top = 8 + n * ROW;
        let words = |x: usize, words: &str, anchor: &str| {
            let baseline = top + 18;
            let mut line = format!(r##"<text x="{x}" y="{baseline}" fill="#1f2937" text-anchor="{anchor}">"##);
            push_escaped(&mut line, words);
            line.push_str("</text>");
            line
        };
        let (texts, (x, y, width, height), fill) = match row {
            Row::Button(label) => (
                words(left + room / 2, label, "middle"),
                (left, top, room, ROW - 8),
                "#e5e7eb",
            ),
            Row::Checkbox(label, is_set) => {
                let tick = if *is_set {
                    words(left + 3, "✓", "start")
                } else {
                    String::new()
                };
                let label = words(left + 22, label, "start");
                (tick + &label, (left, top + 6, 14, 14), "#ffffff")
            }
            Row::Field(label, value) => {
                let label = words(left - 12, label, "end");
                let value = words(left + 8, value, "start");
                (label + &value, (left, top, room, ROW - 8), "#ffffff")
            }
        };
        write!(
            svg,
            r##"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3" fill="{fill}" stroke="#9ca3af"/>"##
        )
        .expect(EXPECT);
        svg.push_str(&texts);
    }
    svg.push_str("</svg>");
    svg
}
