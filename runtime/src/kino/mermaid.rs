//! Diagrams that are written as text.

use std::fmt;
use std::panic::catch_unwind;

use super::compose::{img, svg_size};
use super::{Bundle, Render};
use crate::reason::keeping_last_panic;

/// A diagram in [Mermaid's language](https://mermaid.js.org), drawn here: no script and no network takes part.
///
/// What cannot be drawn here goes to the front end as text, some of which draw it themselves.
///
/// # Examples
///
/// ```
/// use crabtree::kino::{self, Render};
///
/// let life = kino::mermaid("flowchart LR\nspawn --> run --> exit");
/// assert!(life.to_svg()?.contains(">spawn</text>"));
/// assert!(life.render().get("text/html").unwrap().starts_with("<img alt=\"flowchart\""));
/// # Ok::<(), kino::MermaidError>(())
/// ```
pub fn mermaid(text: impl Into<String>) -> Mermaid {
    Mermaid { text: text.into() }
}

/// What [`mermaid`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Mermaid {
    text: String,
}

impl Mermaid {
    /// The diagram as a picture: one SVG document, without scripts, styles or links.
    ///
    /// # Errors
    /// [`MermaidError`], when the text is no diagram, or one of a kind that cannot be drawn here.
    pub fn to_svg(&self) -> Result<String, MermaidError> {
        draw(&self.text)
    }

    /// The word that says what kind of diagram it is.
    fn kind(&self) -> &str {
        let lines = self.text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with("%%"));
        let kind = lines.next().and_then(|line| line.split([' ', ';']).next());
        kind.filter(|kind| *kind != "---").unwrap_or("diagram")
    }
}

impl Render for Mermaid {
    fn render(&self) -> Bundle {
        match self.to_svg() {
            Ok(svg) => Bundle::new()
                .with(
                    "text/html",
                    img("image/svg+xml", svg.as_bytes(), self.kind(), svg_size(&svg)),
                )
                .with("image/svg+xml", svg)
                .with("text/plain", &*self.text),
            Err(error) => Bundle::new()
                .with("text/vnd.mermaid", &*self.text)
                .with("text/plain", format!("{}\n{error}", self.text.trim_end())),
        }
    }
}

impl fmt::Display for Mermaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mermaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a diagram could not be drawn.
#[derive(Clone, PartialEq, Eq)]
pub struct MermaidError {
    /// What is wrong with it, and where.
    pub reason: String,
}

impl fmt::Display for MermaidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kino::mermaid(…) is not drawn: {}", self.reason)
    }
}

impl fmt::Debug for MermaidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for MermaidError {}

fn draw(text: &str) -> Result<String, MermaidError> {
    // Somebody else's parser: what it does not expect must not end the cell.
    let drawn = keeping_last_panic(|| catch_unwind(|| mermaid_svg::render(text)));
    let reason = match drawn {
        Ok(Ok(svg)) => match plain(&svg) {
            Some(svg) => return Ok(svg),
            None => "it has no size".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the renderer failed at it".to_owned(),
    };
    Err(MermaidError { reason })
}

/// The elements that draw something, or say how.
const ELEMENTS: [&str; 20] = [
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "g",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "stop",
    "text",
    "title",
    "tspan",
];

/// The picture with what every front end shows, and nothing else: of its root the view, on white; of the rest the elements
/// that draw, and what is said about them by presentation attributes.
fn plain(svg: &str) -> Option<String> {
    let root = svg.find("<svg")?;
    let body = root + svg[root..].find('>')? + 1;
    let attributes = attributes(&svg[root + "<svg".len()..body - 1]);
    let of_root = |wanted: &str| {
        attributes
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    };
    let view: Vec<f64> = of_root("viewBox")?
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [x, y, width, height] = view[..] else { return None };
    let mut plain = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{}" height="{}" viewBox="{x} {y} {width} {height}" font-family="{}" font-size="{}"><rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#ffffff"/>"##,
        width.ceil(),
        height.ceil(),
        of_root("font-family").unwrap_or("sans-serif"),
        of_root("font-size").unwrap_or("14"),
    );
    push_plain(&mut plain, &svg[body..svg.rfind("</svg>")?]);
    plain.push_str("</svg>");
    Some(plain)
}

fn push_plain(plain: &mut String, markup: &str) {
    let mut rest = markup;
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = end_of_tag(rest);
        let tag = &rest[1..end - 1];
        rest = &rest[end..];
        let name = tag
            .trim_start_matches('/')
            .split(|c: char| c.is_whitespace() || c == '/')
            .next();
        let name = name.unwrap_or_default();
        if matches!(name, "script" | "style" | "foreignObject") && !tag.starts_with('/') && !tag.ends_with('/') {
            let closing = format!("</{name}");
            rest = rest.find(&closing).map_or("", |at| &rest[at..]);
        } else if ELEMENTS.contains(&name) {
            plain.push('<');
            if tag.starts_with('/') {
                plain.push('/');
            }
            plain.push_str(name);
            if !tag.starts_with('/') {
                for (key, value) in attributes(&tag[name.len()..]) {
                    let says_how = !key.starts_with("on") && !key.contains("href") && !matches!(key, "style" | "class");
                    if says_how && !value.contains("javascript:") {
                        plain.push_str(&format!(" {key}=\"{value}\""));
                    }
                }
            }
            plain.push_str(if tag.ends_with('/') { "/>" } else { ">" });
        }
    }
    plain.push_str(rest);
}

/// Where the tag at the start ends, behind its `>`; values in quotes may have one of their own.
fn end_of_tag(markup: &str) -> usize {
    let mut quote = None;
    for (at, letter) in markup.char_indices() {
        match (quote, letter) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    markup.len()
}

/// Names and values, the values as they are written.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else {
            break;
        };
        found.push((name.trim(), value));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A diagram of most kinds, with what must not come through.
    const DIAGRAMS: [&str; 9] = [
        "flowchart TD\nA[\"<script>alert(1)</script>\"] -->|yes & no| B{B}\nB --> A\nclick A \"javascript:alert(1)\"\nclick B call f()",
        "graph LR\na:::x --> b\nclassDef x fill:#c4b5fd,stroke:#374151,stroke-width:4px",
        "sequenceDiagram\nparticipant A as Alice <b>\nA->>B: CALL <script>\nB-->>A: REPLY\nNote over A,B: \"n\"\nloop l\nA-)B: x\nend",
        "stateDiagram-v2\n[*] --> Idle\nIdle --> [*]",
        "classDiagram\nA <|-- B\nA : +int x",
        "erDiagram\nA ||--o{ B : has",
        "pie\n\"a <script>\" : 3\n\"b\" : 1",
        "gantt\ntitle <script>\ndateFormat YYYY-MM-DD\nsection S\nt :a1, 2024-01-01, 3d",
        "mindmap\n root((<script>))\n  a\n  b",
    ];

    #[test]
    fn diagrams_are_drawn_as_plain_pictures() {
        for text in DIAGRAMS {
            let svg = mermaid(text).to_svg().unwrap_or_else(|error| panic!("{text}: {error}"));
            let document = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{text}: {error}\n{svg}"));
            for node in document.descendants().filter(roxmltree::Node::is_element) {
                let name = node.tag_name().name();
                assert!(name == "svg" || ELEMENTS.contains(&name), "{text}: {name}");
                for attribute in node.attributes() {
                    let name = attribute.name();
                    assert!(
                        !name.starts_with("on") && !["href", "style", "class"].contains(&name),
                        "{text}: {name}"
                    );
                }
            }
            assert!(!svg.contains("javascript"), "{text}");
            assert!(
                svg_size(&svg).is_some_and(|(width, height)| width > 20 && height > 20),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_drawn_goes_to_the_front_end_and_says_why() {
        for text in [
            "",
            "no diagram",
            "flowchart TD\nA[",
            "sequenceDiagram\nA->>",
            "%% only a comment",
        ] {
            let bundle = mermaid(text).render();
            assert_eq!(bundle.get("text/vnd.mermaid"), Some(text));
            assert!(bundle.text().contains("kino::mermaid(…) is not drawn: "), "{bundle:?}");
            assert_eq!(bundle.get("text/html"), None);
        }
    }

    #[test]
    fn what_front_ends_remove_is_not_there_in_the_first_place() {
        let svg = "<svg viewBox=\"0 0 9.5 9\" style=\"x\"><style>a>b</style><a href=\"x\"><g onclick=\"f('>')\" class=\"c\" \
                   fill=\"red\"><text>1 &lt; 2</text></g></a><script/><foreignObject><p>x</p></foreignObject></svg>";
        let plain = plain(svg).unwrap();
        assert!(
            plain.ends_with("fill=\"#ffffff\"/><g fill=\"red\"><text>1 &lt; 2</text></g></svg>"),
            "{plain}"
        );
        assert!(
            plain.contains("width=\"10\" height=\"9\" viewBox=\"0 0 9.5 9\""),
            "{plain}"
        );
    }
}
