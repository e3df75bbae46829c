//! The table of all processes.

use std::ops::Range;

use crate::kino::xml::push_escaped;
use crate::kino::{Bundle, Render};
use crate::process::{Listed, Processes};

/// How many processes a page shows; the rest is counted.
const SHOWN: usize = 500;

impl Render for Processes {
    fn render(&self) -> Bundle {
        Bundle::new()
            .with("text/html", html(self))
            .with("text/plain", self.to_string())
    }
}

fn html(processes: &Processes) -> String {
    let lines = processes.iter().take(SHOWN).map(Listed::cells);
    let mut note = processes.total();
    if let Some(more @ 1..) = processes.len().checked_sub(SHOWN) {
        note.push_str(&format!(", {more} of them not shown"));
    }
    table(Processes::HEAD, Processes::NUMBERS, lines, &note)
}

/// Lines below a head, and a note below them.
pub(super) fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    numbers: Range<usize>,
    lines: impl Iterator<Item = [String; COLUMNS]>,
    note: &str,
) -> String {
    let mut html = String::from("<table><thead>");
    push_line(&mut html, "th", &numbers, head);
    html.push_str("</thead><tbody>");
    for cells in lines {
        push_line(&mut html, "td", &numbers, cells);
    }
    html.push_str("</tbody></table><p>");
    push_escaped(&mut html, note);
    html.push_str("</p>");
    html
}

fn push_line<S: AsRef<str>>(html: &mut String, tag: &str, numbers: &Range<usize>, cells: impl IntoIterator<Item = S>) {
    html.push_str("<tr>");
    for (column, cell) in cells.into_iter().enumerate() {
        let align = if numbers.contains(&column) { "right" } else { "left" };
        html.push_str(&format!("<{tag} align=\"{align}\">"));
        push_escaped(html, cell.as_ref());
        html.push_str(&format!("</{tag}>"));
    }
    html.push_str("</tr>");
}

#[cfg(test)]
mod tests {
    use crate::kino::Render;
    use crate::prelude::*;

    #[test]
    fn a_list_is_a_table_in_html_and_in_letters() {
        crate::run(async {
            let pid = process::Builder::new()
                .label("<waits> & sleeps")
                .spawn(process::sleep(secs(60)))
                .unwrap();
            let bundle = process::list().render();
            let html = bundle.get("text/html").unwrap();
            assert!(html.contains("&lt;waits&gt; &amp; sleeps"), "{html}");
            roxmltree::Document::parse(&format!("<div>{html}</div>")).unwrap();
            let text = bundle.text();
            let head = text.lines().next().unwrap();
            let line = text.lines().find(|line| line.contains("<waits>")).unwrap();
            assert!(line.starts_with(&pid.to_string()));
            assert_eq!(head.find("name or label"), line.find("<waits>"));
            assert_eq!(
                head.find("initial call"),
                line.find("crabtree::process::lifecycle::sleep")
            );
        });
    }
}
