//! Pictures that somebody else has drawn.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::process::words::one_line;
use super::{Bundle, Render, compose};

/// A picture from the bytes of a file: PNG, JPEG, GIF or SVG, told by how they begin.
///
/// Its text, for terminals and for those who do not see it, is its kind and size, unless [`alt`](Image::alt) says better.
///
/// # Examples
///
/// ```
/// use crabtree::kino;
///
/// let dot = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
/// let image = kino::image(dot)?;
/// assert_eq!(image.to_string(), "GIF, 1 × 1, 43 bytes");
/// assert_eq!(image.alt("a dot").to_string(), "a dot");
/// # Ok::<(), kino::ImageError>(())
/// ```
///
/// # Errors
/// [`ImageError`], when the bytes begin in another way.
pub fn image(bytes: impl AsRef<[u8]>) -> Result<Image, ImageError> {
    read(bytes.as_ref())
}

/// A picture as the text of an SVG document, which plotting crates can write.
///
/// It is shown as a picture, not as a part of the page: scripts in it do not run.
///
/// # Examples
///
/// ```
/// use crabtree::kino::{self, Render};
///
/// let circle = kino::svg(r##"<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><circle cx="10" cy="10" r="9" fill="#66c2a5"/></svg>"##);
/// let bundle = circle.alt("a green circle").render();
/// assert!(bundle.get("text/html").unwrap().starts_with("<img alt=\"a green circle\" width=\"20\""));
/// assert_eq!(bundle.text(), "a green circle");
/// ```
pub fn svg(svg: impl Into<String>) -> Svg {
    Svg {
        svg: svg.into(),
        alt: None,
    }
}

/// A picture that `draw` writes as SVG into a string.
///
/// That is how plotting crates want it. With [plotters](https://docs.rs/plotters) (its feature `svg_backend` is enough):
///
/// ```text
/// kino::plot(|svg| {
///     let root = SVGBackend::with_string(svg, (640, 360)).into_drawing_area();
///     root.fill(&WHITE)?;
///     let mut chart = ChartBuilder::on(&root)
///         .margin(10)
///         .x_label_area_size(30)
///         .y_label_area_size(40)
///         .build_cartesian_2d(0.0..6.3, -1.0..1.0)?;
///     chart.configure_mesh().draw()?;
///     chart.draw_series(LineSeries::new((0..=63).map(|x| x as f64 / 10.0).map(|x| (x, x.sin())), &BLUE))?;
///     root.present()
/// })?
/// ```
///
/// and by hand:
///
/// ```
/// use crabtree::kino;
/// use std::fmt::Write;
///
/// let bars = kino::plot(|svg| {
///     write!(svg, r#"<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">"#)?;
///     for (n, height) in [10, 40, 25].into_iter().enumerate() {
///         let (x, y) = (n * 20, 40 - height);
///         write!(svg, r#"<rect x="{x}" y="{y}" width="18" height="{height}"/>"#)?;
///     }
///     write!(svg, "</svg>")
/// })?;
/// assert_eq!(bars.to_string(), "picture, 60 × 40");
/// # Ok::<(), std::fmt::Error>(())
/// ```
///
/// # Errors
/// What `draw` returns.
pub fn plot<E>(draw: impl FnOnce(&mut String) -> Result<(), E>) -> Result<Svg, E> {
    let mut drawn = String::new();
    draw(&mut drawn)?;
    Ok(svg(drawn))
}

/// What [`image`] returns.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    content: Content,
    alt: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    /// The MIME type, and the bytes in base64.
    Pixels(&'static str, String),
    Svg(String),
}

/// What [`svg`] and [`plot`] return.
#[derive(Clone, PartialEq, Eq)]
pub struct Svg {
    svg: String,
    alt: Option<String>,
}

impl Image {
    /// What it shows, for those who do not see it.
    #[must_use]
    pub fn alt(mut self, alt: impl Into<String>) -> Image {
        self.alt = alt.into();
        self
    }
}

impl Svg {
    /// What it shows, for those who do not see it.
    #[must_use]
    pub fn alt(mut self, alt: impl Into<String>) -> Svg {
        self.alt = Some(alt.into());
        self
    }

    /// The SVG document.
    pub fn as_str(&self) -> &str {
        &self.svg
    }

    fn alt_or_size(&self) -> String {
        let size = || match compose::svg_size(&self.svg) {
            Some((width, height)) => format!("picture, {width} × {height}"),
            None => "picture".to_owned(),
        };
        self.alt.clone().unwrap_or_else(size)
    }
}

impl Render for Image {
    fn render(&self) -> Bundle {
        match &self.content {
            Content::Pixels(mime, base64) => Bundle::new().with(*mime, &**base64).with("text/plain", &*self.alt),
            Content::Svg(svg) => compose::picture(svg, &self.alt),
        }
    }
}

impl Render for Svg {
    fn render(&self) -> Bundle {
        compose::picture(&self.svg, &self.alt_or_size())
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.alt)
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.alt_or_size())
    }
}

impl fmt::Debug for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes that are no picture which front ends show.
#[derive(Clone, PartialEq, Eq)]
pub struct ImageError {
    /// How the bytes begin, written as text.
    pub start: String,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = "PNG, JPEG, GIF and SVG are shown";
        match &*self.start {
            "" => write!(f, "kino::image(…): there are no bytes; {accepted}"),
            start => write!(
                f,
                "kino::image(…): bytes that begin with \"{start}\" are no picture; {accepted}"
            ),
        }
    }
}

impl fmt::Debug for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ImageError {}

fn read(bytes: &[u8]) -> Result<Image, ImageError> {
    if let Some(svg) = as_svg(bytes) {
        let alt = svg_title(svg).unwrap_or_else(|| described("SVG", compose::svg_size(svg), bytes.len()));
        let content = Content::Svg(svg.to_owned());
        return Ok(Image { content, alt });
    }
    let (kind, mime, size) = match bytes {
        [0x89, b'P', b'N', b'G', ..] => ("PNG", "image/png", png_size(bytes)),
        [0xff, 0xd8, 0xff, ..] => ("JPEG", "image/jpeg", jpeg_size(bytes)),
        [b'G', b'I', b'F', b'8', ..] => ("GIF", "image/gif", gif_size(bytes)),
        _ => {
            let start = bytes[..bytes.len().min(12)].escape_ascii().to_string();
            return Err(ImageError { start });
        }
    };
    Ok(Image {
        content: Content::Pixels(mime, STANDARD.encode(bytes)),
        alt: described(kind, size, bytes.len()),
    })
}

fn described(kind: &str, size: Option<(u32, u32)>, bytes: usize) -> String {
    let length = length(bytes);
    match size {
        Some((width, height)) => format!("{kind}, {width} × {height}, {length}"),
        None => format!("{kind}, {length}"),
    }
}

/// So many bytes, in words.
pub(super) fn length(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// The document, if the first thing in it that is no declaration and no comment is an `svg`.
fn as_svg(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes)
        .ok()?
        .trim_start_matches('\u{feff}')
        .trim_start();
    let mut rest = text;
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        rest = rest[rest.find(end)? + end.len()..].trim_start();
    }
    rest.starts_with("<svg").then_some(text)
}

fn svg_title(svg: &str) -> Option<String> {
    let title = &svg[svg.find("<title>")? + "<title>".len()..];
    let title = one_line(title[..title.find("</title>")?].trim());
    (!title.is_empty() && !title.contains(['<', '&'])).then_some(title)
}

fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    number(16).zip(number(20))
}

fn gif_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    number(6).zip(number(8))
}

/// Segment after segment, up to the one that begins a frame.
fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        match marker {
            0xff => at += 1,
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => return number(at + 7).zip(number(at + 5)),
            _ => at += 2 + number(at + 2)? as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_how_they_begin() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\x01\0\x08";
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x10\0\x20\x03";
        let svg = b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- a > b --><svg width='3' height='4'></svg>";
        for (bytes, mime, alt) in [
            (&png[..], "image/png", "PNG, 2 × 256, 25 bytes"),
            (jpeg, "image/jpeg", "JPEG, 32 × 16, 18 bytes"),
            (b"GIF89a\x05\0\x06\0", "image/gif", "GIF, 5 × 6, 10 bytes"),
            (b"GIF89a", "image/gif", "GIF, 6 bytes"),
            (b"\xff\xd8\xff\xe0", "image/jpeg", "JPEG, 4 bytes"),
            (svg, "image/svg+xml", "SVG, 3 × 4, 71 bytes"),
            (b"<svg><title>A dot</title></svg>", "image/svg+xml", "A dot"),
        ] {
            let bundle = image(bytes).unwrap().render();
            assert!(bundle.get(mime).is_some(), "{bundle:?}");
            assert_eq!(bundle.text(), alt);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_with_how_it_begins_and_what_is_shown() {
        let error = image("<html>\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "kino::image(…): bytes that begin with \"<html>\\n\" are no picture; PNG, JPEG, GIF and SVG are shown"
        );
        assert!(image([]).unwrap_err().to_string().contains("no bytes"));
        assert!(image("<!-- never closed <svg").is_err());
    }
}
