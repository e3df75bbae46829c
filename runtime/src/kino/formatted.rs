//! Text with markup.

use std::fmt;

use super::{Bundle, Render};

/// Formatted text, written in Markdown.
///
/// # Examples
///
/// ```
/// use crabtree::kino::{self, Render};
///
/// let note = kino::markdown("The **second** worker was restarted.");
/// assert_eq!(note.render().get("text/markdown"), Some("The **second** worker was restarted."));
/// assert_eq!(note.to_string(), "The **second** worker was restarted.");
/// ```
pub fn markdown(text: impl Into<String>) -> Markdown {
    Markdown { text: text.into() }
}

/// A piece of HTML. Front ends show it without its scripts unless they trust the notebook.
///
/// Where there are only letters, the text between the tags is shown.
///
/// # Examples
///
/// ```
/// use crabtree::kino;
///
/// let note = kino::html("<p>The <b>second</b> worker</p><p>was restarted &amp; runs.</p>");
/// assert_eq!(note.to_string(), "The second worker\nwas restarted & runs.");
/// ```
pub fn html(html: impl Into<String>) -> Html {
    Html { html: html.into() }
}

/// Text as a terminal shows it: in fixed width, with its line breaks, and with the colours of ANSI sequences.
///
/// # Examples
///
/// ```
/// use crabtree::kino::{self, Render};
///
/// let verdict = kino::text("all tests \u{1b}[32mpassed\u{1b}[0m");
/// assert_eq!(verdict.render().text(), "all tests \u{1b}[32mpassed\u{1b}[0m");
/// ```
pub fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

/// What [`text`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
}

impl Render for Text {
    fn render(&self) -> Bundle {
        Bundle::new().with("text/plain", &*self.text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What [`markdown`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Markdown {
    text: String,
}

/// What [`html`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Html {
    html: String,
}

impl Render for Markdown {
    fn render(&self) -> Bundle {
        Bundle::new()
            .with("text/markdown", &*self.text)
            .with("text/plain", &*self.text)
    }
}

impl Render for Html {
    fn render(&self) -> Bundle {
        Bundle::new()
            .with("text/html", &*self.html)
            .with("text/plain", text_of(&self.html))
    }
}

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text_of(&self.html))
    }
}

impl fmt::Debug for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Elements that begin a line of their own.
const BLOCKS: [&str; 23] = [
    "address",
    "article",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "table",
    "tr",
    "ul",
];

/// What is left of HTML without its tags. It is for reading, not for safety: no markup is trusted because of it.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        push_words(&mut text, &rest[..at]);
        rest = &rest[at..];
        let name = element_name(rest);
        let end = match name.as_str() {
            "!--" => rest.find("-->").map(|end| end + 3),
            "script" | "style" | "title" => end_of_element(rest, &name),
            "" => Some(1),
            _ => rest.find('>').map(|end| end + 1),
        };
        match name.as_str() {
            "" => text.push('<'),
            "td" | "th" => push_words(&mut text, " "),
            "li" if !rest.starts_with("</") => {
                begin_line(&mut text);
                text.push_str("- ");
            }
            block if BLOCKS.contains(&block) => begin_line(&mut text),
            _ => {}
        }
        rest = &rest[end.unwrap_or(rest.len())..];
    }
    push_words(&mut text, rest);
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
        .trim()
        .to_owned()
}

/// The lower-case name of the tag at the start, `!--` for a comment, or nothing where `<` is a mere sign.
fn element_name(tag: &str) -> String {
    if tag.starts_with("<!--") {
        return "!--".to_owned();
    }
    let name = tag[1..].trim_start_matches('/');
    match name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '!') {
        true => name[..1]
            .chars()
            .chain(name[1..].chars().take_while(char::is_ascii_alphanumeric))
            .collect(),
        false => String::new(),
    }
    .to_ascii_lowercase()
}

fn end_of_element(element: &str, name: &str) -> Option<usize> {
    let closing = format!("</{name}");
    let lower = element.to_ascii_lowercase();
    let at = lower.find(&closing)?;
    Some(at + lower[at..].find('>')? + 1)
}

fn begin_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Appends text with its entities read and its white space folded, as a browser would.
fn push_words(text: &mut String, words: &str) {
    const ENTITIES: [(&str, &str); 6] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", "\u{a0}"),
        ("&amp;", "&"),
    ];
    let mut words = &*ENTITIES.iter().fold(words.to_owned(), |words, (entity, letter)| {
        words.replace(entity, letter)
    });
    while let Some(letter) = words.chars().next() {
        if letter.is_ascii_whitespace() {
            if !text.is_empty() && !text.ends_with([' ', '\n']) {
                text.push(' ');
            }
        } else {
            text.push(letter);
        }
        words = &words[letter.len_utf8()..];
    }
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn html_reads_as_text_without_its_tags() {
        for (html, text) in [
            ("plain", "plain"),
            ("<b>42</b> °C", "42 °C"),
            ("<p>one\n   two</p>\n<p>three<br>four</p>", "one two\nthree\nfour"),
            ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
            (
                "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>",
                "1 2\n3",
            ),
            (
                "<style>b { color: red }</style><!-- <b> --><SCRIPT>if (1 < 2) {}</Script>seen",
                "seen",
            ),
            (
                "1 &lt; 2 &amp;&amp; 3 &gt; 2, &amp;lt; stays",
                "1 < 2 && 3 > 2, &lt; stays",
            ),
            ("1 < 2 and an <unclosed tag", "1 < 2 and an"),
            ("<", "<"),
            ("<script>never closed", ""),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }
}
