//! What pictures are drawn on.
//!
//! Front ends sanitise what they show, each in its own way, so pictures use the plainest SVG there is: presentation
//! attributes, an explicit size, opaque fills on a white card, no style, script, marker or reference. Text is
//! monospace: its width is known without the font.

use super::words::columns;
use crate::kino::Bundle;
use crate::kino::compose::img;
use crate::kino::xml::push_escaped;

/// A finished picture.
pub(crate) struct Picture {
    pub(crate) svg: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Picture {
    /// HTML that shows the picture also where inline SVG is removed. `alt` says what it shows.
    pub(crate) fn to_img(&self, alt: &str) -> String {
        let Picture { svg, width, height } = self;
        img("image/svg+xml", svg.as_bytes(), alt, Some((*width, *height)))
    }

    /// The picture twice, and the text. Of these every front end, trusted or not, shows one.
    pub(super) fn into_bundle(self, alt: &str, text: impl Into<String>) -> Bundle {
        Bundle::new()
            .with("text/html", self.to_img(alt))
            .with("image/svg+xml", self.svg)
            .with("text/plain", text)
    }
}

pub(super) const MARGIN: f64 = 24.0;
const CAPTION_HEIGHT: f64 = 30.0;

pub(super) const INK: &str = "#1f2937";
pub(super) const STROKE: &str = "#374151";
pub(super) const AMBER: &str = "#d97706";
pub(super) const DARK_AMBER: &str = "#92400e";
pub(super) const PALE_AMBER: &str = "#fef3c7";
pub(super) const RED: &str = "#b91c1c";
pub(super) const GREY: &str = "#9ca3af";
/// For what must be legible and is less important.
pub(super) const DARK_GREY: &str = "#6b7280";
pub(super) const VIOLET: &str = "#c4b5fd";
pub(super) const GREEN: &str = "#66c2a5";

const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

/// A size of the one font, and how far it advances with each letter.
#[derive(Clone, Copy)]
pub(super) struct Font {
    size: f64,
    bold: bool,
}

impl Font {
    pub(super) const CAPTION: Font = Font { size: 14.0, bold: true };
    pub(super) const TITLE: Font = Font { size: 13.0, bold: true };
    pub(super) const WORD: Font = Font { size: 11.0, bold: true };
    pub(super) const DETAIL: Font = Font {
        size: 11.0,
        bold: false,
    };

    /// Fixed-width fonts advance by 0.6 em, give or take a hundredth.
    pub(super) fn width_of(self, text: &str) -> f64 {
        columns(text) as f64 * self.size * 0.61
    }
}

/// Which end of a text its place is.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The picture as far as it is drawn.
pub(super) struct Canvas {
    pub(super) svg: String,
    width: f64,
    height: f64,
}

pub(super) const INFALLIBLE: &str = "writing to a String cannot fail";

/// Appends to the picture.
macro_rules! put {
    ($canvas:expr, $($format:tt)*) => {
        std::fmt::Write::write_fmt(&mut $canvas.svg, format_args!($($format)*)).expect($crate::kino::process::canvas::INFALLIBLE)
    };
}
pub(super) use put;

/// What surrounds every drawing.
pub(super) struct Head<'a> {
    pub(super) title: &'a str,
    /// For those who do not see the picture.
    pub(super) summary: &'a str,
    pub(super) caption: Option<&'a str>,
}

impl Head<'_> {
    /// Where the drawing begins.
    pub(super) fn top(&self) -> f64 {
        MARGIN + if self.caption.is_some() { CAPTION_HEIGHT } else { 0.0 }
    }

    /// How wide the whole picture is with a drawing of that width.
    pub(super) fn width(&self, drawing: f64) -> f64 {
        let caption = self.caption.map_or(0.0, |caption| Font::CAPTION.width_of(caption));
        (drawing.max(caption) + 2.0 * MARGIN).ceil()
    }
}

impl Canvas {
    /// A card of whole pixels, with room for `capacity` bytes.
    pub(super) fn begin(head: &Head<'_>, width: f64, height: f64, capacity: usize) -> Canvas {
        let (width, height) = (width.ceil(), height.ceil());
        let svg = String::with_capacity(capacity + 1000);
        let mut canvas = Canvas { svg, width, height };
        put!(
            canvas,
            r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="{FONTS}" font-size="{}" text-anchor="middle">"#,
            Font::DETAIL.size,
        );
        canvas.title(head.title);
        canvas.svg.push_str("<desc>");
        push_escaped(&mut canvas.svg, head.summary);
        canvas.svg.push_str("</desc>");
        put!(
            canvas,
            r##"<rect x="0.5" y="0.5" width="{}" height="{}" rx="10" fill="#ffffff" stroke="#e5e7eb"/>"##,
            width - 1.0,
            height - 1.0,
        );
        if let Some(caption) = head.caption {
            canvas.text(width / 2.0, MARGIN + 11.0, Font::CAPTION, INK, caption);
        }
        canvas
    }

    pub(super) fn end(mut self) -> Picture {
        self.svg.push_str("</svg>");
        Picture {
            svg: self.svg,
            width: self.width as u32,
            height: self.height as u32,
        }
    }

    /// What a front end shows for the group that has just begun, when the pointer rests on it.
    pub(super) fn title(&mut self, title: &str) {
        self.svg.push_str("<title>");
        push_escaped(&mut self.svg, title);
        self.svg.push_str("</title>");
    }

    /// Text in the middle of `x`.
    pub(super) fn text(&mut self, x: f64, baseline: f64, font: Font, colour: &str, text: &str) {
        self.text_at(Anchor::Middle, x, baseline, font, colour, text);
    }

    pub(super) fn text_at(&mut self, anchor: Anchor, x: f64, baseline: f64, font: Font, colour: &str, text: &str) {
        put!(
            self,
            r#"<text x="{}" y="{}" fill="{colour}""#,
            tenth(x),
            tenth(baseline)
        );
        if font.size != Font::DETAIL.size {
            put!(self, r#" font-size="{}""#, font.size);
        }
        if font.bold {
            self.svg.push_str(r#" font-weight="bold""#);
        }
        self.svg.push_str(match anchor {
            Anchor::Start => r#" text-anchor="start">"#,
            Anchor::Middle => ">",
            Anchor::End => r#" text-anchor="end">"#,
        });
        push_escaped(&mut self.svg, text);
        self.svg.push_str("</text>");
    }
}

/// A tenth of a pixel is as near as an eye can tell.
pub(super) fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
