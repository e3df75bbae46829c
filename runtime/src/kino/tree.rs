//! Values that can be unfolded.

use std::fmt::{self, Debug};

use serde_core::Serialize;

use super::compose::escaped;
use super::data::Data;
use super::shown::written;
use super::{Bundle, Render};

/// A value as its `Debug` spreads it, whose parts can be folded and unfolded.
///
/// # Examples
///
/// ```
/// use crabtree::kino::{self, Render};
///
/// #[derive(Debug)]
/// struct Job {
///     name: &'static str,
///     steps: Vec<(u32, &'static str)>,
/// }
///
/// let job = Job { name: "parse", steps: vec![(1, "read"), (2, "split")] };
/// let tree = kino::tree(&job);
/// assert_eq!(tree.to_string(), format!("{job:#?}"));
/// let html = tree.render().get("text/html").unwrap().to_owned();
/// assert!(html.starts_with("<details open><summary><code>Job { … }</code></summary>"));
/// assert!(html.contains("<summary><code>steps: [ … ]</code> 2</summary>"));
/// ```
///
/// Long values are cut after 100 000 characters.
pub fn tree(value: &(impl Debug + ?Sized)) -> Tree {
    spread(format_args!("{value:#?}"))
}

/// Like [`tree`], of what serde makes of a value: for data whose `Debug` says more of their types than of them.
///
/// ```
/// use crabtree::kino;
/// use std::collections::BTreeMap;
///
/// let data = BTreeMap::from([("a", vec![1, 2])]);
/// assert_eq!(kino::data_tree(&data).to_string(), "{\n    a: [\n        1,\n        2,\n    ],\n}");
/// ```
pub fn data_tree(value: &(impl Serialize + ?Sized)) -> Tree {
    spread(format_args!("{:#?}", Data::of(value)))
}

/// What [`tree`] and [`data_tree`] return.
#[derive(Clone)]
pub struct Tree {
    text: String,
    is_whole: bool,
    depth: usize,
}

const LONGEST: usize = 100_000;

/// So many parts are unfolded at a time.
const WIDEST: usize = 100;

fn spread(arguments: fmt::Arguments<'_>) -> Tree {
    let (text, is_whole) = written(arguments, LONGEST);
    Tree {
        text,
        is_whole,
        depth: 1,
    }
}

impl Tree {
    /// How many levels are unfolded at first: 1 unless told.
    #[must_use]
    pub fn depth(mut self, levels: usize) -> Tree {
        self.depth = levels;
        self
    }
}

impl Render for Tree {
    fn render(&self) -> Bundle {
        let mut html = String::new();
        for part in parse(&self.text) {
            push(&mut html, &part, self.depth);
        }
        if !self.is_whole {
            html.push_str(&format!("<p>{}</p>", cut()));
        }
        Bundle::new()
            .with("text/html", html)
            .with("text/plain", self.to_string())
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.is_whole {
            true => Ok(()),
            false => write!(f, " …\n{}", cut()),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn cut() -> String {
    format!("cut after {LONGEST} characters")
}

/// A line, and those that are indented below it.
#[derive(Default)]
struct Part<'a> {
    line: &'a str,
    /// The bracket that closes what the line opens.
    closing: &'a str,
    parts: Vec<Part<'a>>,
}

/// Reads what is spread over lines by its indentation: what brackets there are, and whether they match, is up to whoever
/// wrote the `Debug`.
fn parse(text: &str) -> Vec<Part<'_>> {
    // The lines that are open, from the outermost, each with its indentation.
    let mut open: Vec<(usize, Part<'_>)> = Vec::new();
    let mut done = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let indentation = line.len() - line.trim_start().len();
        let line = line.trim();
        while open.last().is_some_and(|(of_last, _)| *of_last > indentation) {
            close(&mut open, &mut done);
        }
        if let Some((of_last, last)) = open.last_mut()
            && *of_last == indentation
        {
            let closes = line.starts_with(['}', ']', ')']) && last.line.ends_with(['{', '[', '(']);
            if closes && last.closing.is_empty() {
                last.closing = line;
                continue;
            }
            close(&mut open, &mut done);
        }
        let part = Part {
            line,
            ..Part::default()
        };
        open.push((indentation, part));
    }
    while !open.is_empty() {
        close(&mut open, &mut done);
    }
    done
}

fn close<'a>(open: &mut Vec<(usize, Part<'a>)>, done: &mut Vec<Part<'a>>) {
    if let Some((_, part)) = open.pop() {
        match open.last_mut() {
            Some((_, above)) => above.parts.push(part),
            None => done.push(part),
        }
    }
}

/// Written by recursion: so deep that it would matter, a text of this length cannot be indented.
fn push(html: &mut String, part: &Part<'_>, unfolded: usize) {
    let line = escaped(part.line.trim_end_matches(','));
    if part.parts.is_empty() {
        let closing = part.closing.trim_end_matches(',');
        html.push_str(&format!("<code>{line}{}</code>", escaped(closing)));
        return;
    }
    let closing = match part.closing.trim_end_matches(',') {
        "" => String::new(),
        closing => format!(" … {}", escaped(closing)),
    };
    let is_list = part.line.ends_with('[');
    let count = if is_list {
        format!(" {}", part.parts.len())
    } else {
        String::new()
    };
    let open = if unfolded > 0 { " open" } else { "" };
    html.push_str(&format!(
        "<details{open}><summary><code>{line}{closing}</code>{count}</summary>"
    ));
    let below = unfolded.saturating_sub(1);
    if part.parts.len() <= WIDEST {
        push_list(html, &part.parts, below);
    } else {
        for (n, parts) in part.parts.chunks(WIDEST).enumerate() {
            let first = n * WIDEST;
            let last = first + parts.len() - 1;
            html.push_str(&format!("<details><summary>{first} to {last}</summary>"));
            push_list(html, parts, below);
            html.push_str("</details>");
        }
    }
    html.push_str("</details>");
}

fn push_list(html: &mut String, parts: &[Part<'_>], unfolded: usize) {
    html.push_str("<ul>");
    for part in parts {
        html.push_str("<li>");
        push(html, part, unfolded);
        html.push_str("</li>");
    }
    html.push_str("</ul>");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts as nested parentheses.
    fn outline(text: &str) -> String {
        fn of(parts: &[Part<'_>]) -> String {
            let parts = parts.iter().map(|part| match &*part.parts {
                [] => format!("{}{}", part.line, part.closing),
                below => format!("{}({}){}", part.line, of(below), part.closing),
            });
            parts.collect::<Vec<_>>().join(" ")
        }
        of(&parse(text))
    }

    #[test]
    fn what_debug_spreads_is_read_by_its_indentation() {
        assert_eq!(outline(&format!("{:#?}", 7)), "7");
        assert_eq!(
            outline(&format!("{:#?}", Some((1, "a\nb")))),
            "Some((((1, \"a\\nb\",)),))"
        );
        assert_eq!(outline(&format!("{:#?}", Vec::<i32>::new())), "[]");
        assert_eq!(
            outline("{\n    \"}\": [],\n    \"a\": {\n        1: 2,\n    },\n}"),
            "{(\"}\": [], \"a\": {(1: 2,)},)}"
        );
    }

    #[test]
    fn a_debug_that_follows_no_rule_is_shown_line_by_line() {
        assert_eq!(outline("}\n]\n  x\n {\n\n}"), "} ](x {) }");
        assert_eq!(outline("a {\n    b\nc"), "a {(b) c");
        assert_eq!(outline(""), "");
        assert_eq!(outline("one\ntwo\n}"), "one two }");
    }

    #[test]
    fn parts_are_folded_below_the_depth_and_shown_as_text() {
        let evil = ("<script>", vec![vec![1]; 250]);
        let bundle = tree(&evil).render();
        let html = bundle.get("text/html").unwrap();
        assert!(
            html.starts_with("<details open><summary><code>( … )</code></summary><ul><li><code>&quot;&lt;script&gt;")
        );
        assert_eq!(html.matches("<details open>").count(), 1);
        assert!(html.contains("<code>[ … ]</code> 250</summary><details><summary>0 to 99</summary>"));
        assert!(html.contains("<summary>200 to 249</summary>"));
        let unfolded = tree(&vec![vec![1]; 3]).depth(2).render();
        assert_eq!(unfolded.get("text/html").unwrap().matches("<details open>").count(), 4);
    }

    #[test]
    fn a_very_long_value_is_cut_and_says_so() {
        let bundle = tree(&vec![1; 1_000_000]).render();
        assert!(bundle.text().ends_with(" …\ncut after 100000 characters"));
        assert!(bundle.get("text/html").unwrap().len() < 1_000_000);
    }
}
