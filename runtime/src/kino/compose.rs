//! Bundles out of others, in forms that every front end shows.
//!
//! Scripts and styles are removed by some front ends, inline SVG and unknown attributes by others. What is left is
//! plain HTML, and pictures whose address is their content.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::xml::push_escaped;
use super::{Bundle, prose};

/// Something that is there and shows nothing.
pub(crate) fn empty() -> Bundle {
    Bundle::new().with("text/plain", "")
}

/// Bundles below one another.
pub(crate) fn stack(parts: &[Bundle]) -> Bundle {
    match parts {
        [] => return empty(),
        [only] => return only.clone(),
        _ => {}
    }
    if parts.iter().all(|part| part.get("text/markdown").is_some()) {
        return joined(parts, "text/markdown", "\n\n").with("text/plain", texts(parts));
    }
    let plain = Bundle::new().with("text/plain", texts(parts));
    if parts.iter().all(is_plain) {
        return plain;
    }
    let mut html = String::new();
    for part in parts {
        html.push_str("<div>");
        html.push_str(&html_of(part));
        html.push_str("</div>\n");
    }
    Bundle::new().with("text/html", html).with("text/plain", plain.text())
}

fn joined(parts: &[Bundle], mime: &'static str, separator: &str) -> Bundle {
    let contents: Vec<&str> = parts.iter().filter_map(|part| part.get(mime)).collect();
    Bundle::new().with(mime, contents.join(separator))
}

/// The texts of bundles below one another.
pub(crate) fn texts(parts: &[Bundle]) -> String {
    let texts: Vec<&str> = parts.iter().map(|part| part.text().trim_end_matches('\n')).collect();
    texts.join("\n")
}

fn is_plain(bundle: &Bundle) -> bool {
    bundle.iter().all(|(mime, _)| mime == "text/plain")
}

/// What a bundle looks like as a part of HTML.
pub(crate) fn html_of(bundle: &Bundle) -> String {
    if let Some(html) = bundle.get("text/html") {
        return html.to_owned();
    }
    if let Some(markdown) = bundle.get("text/markdown") {
        return prose::to_html(markdown);
    }
    if let Some(svg) = bundle.get("image/svg+xml") {
        return img("image/svg+xml", svg.as_bytes(), bundle.text(), svg_size(svg));
    }
    let picture = bundle.iter().find(|(mime, _)| mime.starts_with("image/"));
    if let Some((mime, base64)) = picture {
        return img_tag(mime, base64, bundle.text(), None);
    }
    match bundle.text() {
        "" => String::new(),
        text => format!("<pre>{}</pre>", escaped(&without_colours(text))),
    }
}

/// A picture: as an image in HTML, which is shown also where SVG is removed, and as itself.
pub(crate) fn picture(svg: &str, alt: &str) -> Bundle {
    Bundle::new()
        .with("text/html", img("image/svg+xml", svg.as_bytes(), alt, svg_size(svg)))
        .with("image/svg+xml", svg)
        .with("text/plain", alt)
}

/// The HTML of an image whose content is in its address.
pub(crate) fn img(mime: &str, content: &[u8], alt: &str, size: Option<(u32, u32)>) -> String {
    img_tag(mime, &STANDARD.encode(content), alt, size)
}

fn img_tag(mime: &str, base64: &str, alt: &str, size: Option<(u32, u32)>) -> String {
    let mut html = String::with_capacity(base64.len() + alt.len() + 120);
    html.push_str("<img alt=\"");
    push_escaped(&mut html, alt);
    html.push('"');
    if let Some((width, height)) = size {
        write!(html, r#" width="{width}" height="{height}""#).expect(INFALLIBLE);
    }
    html.push_str(" src=\"");
    html.push_str(&data_uri(mime, base64));
    html.push_str("\">");
    html
}

/// An address that is the content.
pub(crate) fn data_uri(mime: &str, base64: &str) -> String {
    let mut uri = String::from("data:");
    push_escaped(&mut uri, mime);
    uri.push_str(";base64,");
    uri.push_str(base64);
    uri
}

/// HTML that begins at the left, also in the cell of a table whose page has cells begin at the right, as JupyterLab has.
pub(crate) fn at_left(html: &str) -> String {
    format!("<div align=\"left\">{html}</div>")
}

/// Text as a part of HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut markup = String::with_capacity(text.len());
    push_escaped(&mut markup, text);
    markup
}

/// Text without the sequences by which terminals change colours.
pub(crate) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(sequence) = rest.strip_prefix('[') {
            let end = sequence.find(|letter: char| ('@'..='~').contains(&letter));
            rest = end.map_or("", |end| &sequence[end + 1..]);
        }
    }
    plain.push_str(rest);
    plain
}

/// The size that an SVG document says it has, in pixels.
pub(crate) fn svg_size(svg: &str) -> Option<(u32, u32)> {
    let root = &svg[svg.find("<svg")?..];
    let root = &root[..root.find('>')?];
    let length = |name: &str| {
        let text = attribute(root, name)?;
        text.trim().trim_end_matches("px").trim().parse::<f64>().ok()
    };
    let (width, height) = length("width").zip(length("height")).or_else(|| {
        let numbers = attribute(root, "viewBox")?;
        let numbers: Vec<f64> = numbers
            .split([' ', ',', '\n'])
            .filter_map(|number| number.parse().ok())
            .collect();
        let [_, _, width, height] = numbers[..] else {
            return None;
        };
        Some((width, height))
    })?;
    Some((width.ceil() as u32, height.ceil() as u32))
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    while let Some(at) = rest.find(name) {
        let before = rest[..at].ends_with(|letter: char| letter.is_ascii_whitespace());
        rest = &rest[at + name.len()..];
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        if let (true, Some(value)) = (before, value) {
            let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            return value[1..].split(quote).next();
        }
    }
    None
}

const INFALLIBLE: &str = "writing to a String cannot fail";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kino::{Render, html, markdown};

    #[test]
    fn what_is_stacked_keeps_the_best_form_that_all_parts_have() {
        let (a, b) = (markdown("*a*").render(), markdown("b").render());
        let stacked = stack(&[a.clone(), b]);
        assert_eq!(stacked.get("text/markdown"), Some("*a*\n\nb"));
        assert_eq!(stacked.text(), "*a*\nb");

        let plain = |text: &str| Bundle::new().with("text/plain", text);
        assert_eq!(stack(&[plain("1\n"), plain("2")]), plain("1\n2"));
        assert_eq!(stack(&[]), empty());

        let mixed = stack(&[a, plain("<script>\u{1b}[31m"), html("<b>c</b>").render()]);
        let expected = "<div><p><em>a</em></p></div>\n<div><pre>&lt;script&gt;</pre></div>\n<div><b>c</b></div>\n";
        assert_eq!(mixed.get("text/html"), Some(expected));
        assert_eq!(mixed.text(), "*a*\n<script>\u{1b}[31m\nc");
    }

    #[test]
    fn the_size_of_a_picture_is_read_from_its_root() {
        for (svg, size) in [
            ("<?xml version='1.0'?><svg width=\"10\" height='20px'>", Some((10, 20))),
            ("<svg stroke-width=\"3\" viewBox=\"0 0 30.5 40\">", Some((31, 40))),
            ("<svg width=\"100%\" viewBox=\"0,0,5,6\">", Some((5, 6))),
            ("<svg>", None),
            ("<svg width=\"10", None),
            ("none", None),
        ] {
            assert_eq!(svg_size(svg), size, "{svg}");
        }
    }
}
