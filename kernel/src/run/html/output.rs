//! Outputs as HTML.

use std::path::Path;

use serde_json::{Map, Value};

use super::super::outputs::Output;
use super::pictures::{Pictures, data_uri, svg_uri};
use super::{escape, markdown};

/// The HTML of an output.
pub(super) fn to_html(output: &Output, directory: &Path) -> String {
    match output {
        Output::Stream { name, text } => format!("<pre class=\"output {}\">{}</pre>\n", escape(name), coloured(text)),
        Output::Error {
            traceback,
            ename,
            evalue,
        } => {
            let report = if traceback.is_empty() {
                format!("{ename}: {evalue}")
            } else {
                traceback.join("\n")
            };
            format!("<pre class=\"output error\">{}</pre>\n", coloured(&report))
        }
        Output::Rich { data, .. } => format!("<div class=\"output rich\">{}</div>\n", richest(data, directory)),
    }
}

/// The representation that says most without a script.
fn richest(data: &Map<String, Value>, directory: &Path) -> String {
    let text = |mime: &str| data.get(mime).and_then(Value::as_str);
    if let Some(html) = text("text/html") {
        return html.to_owned();
    }
    if let Some(prose) = text("text/markdown") {
        return markdown::to_html(prose, &Pictures::new(directory, None));
    }
    // What the picture says to those who cannot see it.
    let alt = escape(text("text/plain").unwrap_or_default());
    if let Some(svg) = text("image/svg+xml") {
        return format!("<img src=\"{}\" alt=\"{alt}\">", svg_uri(svg));
    }
    for mime in ["image/png", "image/jpeg", "image/gif", "image/webp"] {
        if let Some(picture) = text(mime) {
            return format!("<img src=\"{}\" alt=\"{alt}\">", data_uri(mime, picture));
        }
    }
    if let Some(plain) = text("text/plain") {
        return format!("<pre>{}</pre>", coloured(plain));
    }
    match data.iter().next() {
        Some((_, Value::String(other))) => preformatted(other),
        Some((_, json)) => preformatted(&format!("{json:#}")),
        None => String::new(),
    }
}

fn preformatted(text: &str) -> String {
    format!("<pre>{}</pre>\n", escape(text))
}

/// Text with its terminal colours as spans. What a terminal would not show is not shown.
fn coloured(text: &str) -> String {
    // A sequence that makes no sense must not take the text with it.
    ansi_to_html::convert(text).unwrap_or_else(|_| escape(&console::strip_ansi_codes(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(data: Value, expected: &str) {
        let data = data.as_object().unwrap().clone();
        let html = to_html(
            &Output::Rich {
                data,
                metadata: Map::new(),
                display_id: None,
                result_of: None,
            },
            Path::new("/nowhere"),
        );
        assert_eq!(html, format!("<div class=\"output rich\">{expected}</div>\n"));
    }

    #[test]
    fn the_richest_representation_is_shown() {
        check(json!({"text/html": "<b>x</b>", "text/plain": "x"}), "<b>x</b>");
        check(
            json!({"text/markdown": "*x*", "text/plain": "x"}),
            "<p><em>x</em></p>\n",
        );
        check(json!({"text/plain": "a < b"}), "<pre>a &lt; b</pre>");
        check(
            json!({"application/json": {"a": 1}}),
            "<pre>{\n  &quot;a&quot;: 1\n}</pre>\n",
        );
    }

    #[test]
    fn pictures_are_in_the_page_and_described() {
        check(
            json!({"image/svg+xml": "<svg/>", "text/plain": "a \"tree\""}),
            "<img src=\"data:image/svg+xml;base64,PHN2Zy8+\" alt=\"a &quot;tree&quot;\">",
        );
        check(
            json!({"image/png": "QUJ\nD\n"}),
            "<img src=\"data:image/png;base64,QUJD\" alt=\"\">",
        );
    }

    #[test]
    fn an_error_shows_its_traceback_else_its_name() {
        let error = |traceback: Vec<String>| {
            let error = Output::Error {
                ename: "Panic".to_owned(),
                evalue: "BOOM".to_owned(),
                traceback,
            };
            to_html(&error, Path::new("/nowhere"))
        };
        assert_eq!(error(vec![]), "<pre class=\"output error\">Panic: BOOM</pre>\n");
        assert_eq!(
            error(vec!["a".to_owned(), "<b>".to_owned()]),
            "<pre class=\"output error\">a\n&lt;b&gt;</pre>\n"
        );
    }

    #[test]
    fn colours_that_make_no_sense_leave_the_text() {
        assert!(coloured("\u{1b}[38;9mtext").contains("text"));
    }
}
