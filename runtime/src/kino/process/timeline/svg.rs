//! The timeline as a picture: a row for each process, time from left to right.

use std::time::Duration;

use super::super::canvas::{
    Anchor, Canvas, DARK_AMBER, DARK_GREY, Font, GREEN, GREY, Head, INK, MARGIN, PALE_AMBER, Picture, RED, STROKE,
    VIOLET, put, tenth,
};
use super::super::words::shortened;
use super::chart::{Block, Chart, Row, State};

/// The width of the whole time.
const WIDTH: f64 = 880.0;
const ROW: f64 = 44.0;
const BAR: f64 = 22.0;
const AXIS: f64 = 26.0;
const LINE: f64 = 18.0;
const MOST_NAME: usize = 28;
const BETWEEN: f64 = 16.0;
/// What is narrower could not be seen.
const NARROWEST: f64 = 1.5;

pub(super) fn draw(chart: &Chart, caption: Option<&str>) -> Picture {
    let summary = chart.summary();
    let head = Head {
        title: caption.unwrap_or("Timeline of processes"),
        summary: &summary,
        caption,
    };
    let names: Vec<Name<'_>> = chart.rows.iter().map(Name::of).collect();
    let left = MARGIN + names.iter().map(|name| name.width).fold(0.0, f64::max) + BETWEEN;
    let top = head.top();
    let rows_end = top + ROW * chart.rows.len() as f64;
    let has_rows = !chart.rows.is_empty();
    let axis_end = rows_end + if has_rows { AXIS + LINE } else { 0.0 };
    let height = axis_end + LINE * chart.notes.len() as f64 + MARGIN;
    let width = head.width(left - MARGIN + WIDTH);
    let mut drawing = Drawing {
        canvas: Canvas::begin(&head, width, height, 6000 * chart.rows.len()),
        left,
        scale: match chart.elapsed.as_nanos() {
            0 => 0.0,
            whole => WIDTH / whole as f64,
        },
        narrowest: chart.elapsed.mul_f64(NARROWEST / WIDTH),
    };
    if has_rows {
        drawing.axis(chart.elapsed, top, rows_end);
    }
    for (number, (row, name)) in chart.rows.iter().zip(&names).enumerate() {
        let middle = top + ROW * (number as f64 + 0.5);
        drawing.name(name, middle);
        drawing.row(row, middle);
    }
    if has_rows {
        drawing.legend(rows_end + AXIS + 14.0);
    }
    for (number, note) in chart.notes.iter().enumerate() {
        let baseline = axis_end + LINE * (number as f64 + 1.0);
        drawing
            .canvas
            .text_at(Anchor::Start, MARGIN, baseline, Font::DETAIL, DARK_GREY, note);
    }
    drawing.canvas.end()
}

/// What stands before a row.
struct Name<'a> {
    row: &'a Row,
    title: String,
    width: f64,
}

impl<'a> Name<'a> {
    fn of(row: &'a Row) -> Name<'a> {
        let title = shortened(&row.title, MOST_NAME).into_owned();
        let below = row.pids.as_deref().map_or(0.0, |pids| Font::DETAIL.width_of(pids));
        let width = Font::TITLE.width_of(&title).max(below);
        Name { row, title, width }
    }
}

struct Drawing {
    canvas: Canvas,
    left: f64,
    /// Pixels in a nanosecond.
    scale: f64,
    /// The time that takes as much room as can be seen.
    narrowest: Duration,
}

impl Drawing {
    fn x(&self, at: Duration) -> f64 {
        self.left + at.as_nanos() as f64 * self.scale
    }

    fn axis(&mut self, elapsed: Duration, top: f64, bottom: f64) {
        let (y, begin, end) = (tenth(bottom), tenth(self.left), tenth(self.left + WIDTH));
        put!(self.canvas, r#"<path d="M{begin} {y}H{end}" stroke="{GREY}"/>"#);
        for tick in ticks(elapsed) {
            let x = tenth(self.x(tick));
            let tick_label = if tick.is_zero() {
                "0".to_owned()
            } else {
                format!("{tick:?}")
            };
            put!(
                self.canvas,
                r##"<path d="M{x} {}V{}" stroke="#e5e7eb"/>"##,
                tenth(top),
                tenth(bottom + 4.0)
            );
            self.canvas.text(x, bottom + 16.0, Font::DETAIL, DARK_GREY, &tick_label);
        }
    }

    fn name(&mut self, name: &Name<'_>, middle: f64) {
        let baseline = middle + if name.row.pids.is_some() { -2.0 } else { 4.0 };
        let x = self.left - BETWEEN;
        self.canvas.svg.push_str("<g>");
        if name.title != name.row.title {
            self.canvas.title(&name.row.title);
        }
        self.canvas
            .text_at(Anchor::End, x, baseline, Font::TITLE, INK, &name.title);
        if let Some(pids) = &name.row.pids {
            self.canvas
                .text_at(Anchor::End, x, baseline + 14.0, Font::DETAIL, DARK_GREY, pids);
        }
        self.canvas.svg.push_str("</g>");
    }

    fn row(&mut self, row: &Row, middle: f64) {
        for (from, until) in &row.lives {
            let (begin, end) = (tenth(self.x(*from)), tenth(self.x(*until)));
            put!(
                self.canvas,
                r#"<path d="M{begin} {}H{end}" stroke="{GREY}" stroke-width="2"/>"#,
                tenth(middle)
            );
        }
        for block in row.blocks(self.narrowest) {
            self.block(&block, row.caller, middle);
        }
        for end in &row.ends {
            let (x, y) = (self.x(end.at), middle - BAR / 2.0);
            self.canvas.svg.push_str("<g>");
            self.canvas.title(&format!("EXITED {} at {:.1?}", end.reason, end.at));
            match end.crash {
                true => put!(
                    self.canvas,
                    r#"<path d="M{} {}l12 12M{} {}l-12 12" stroke="{RED}" stroke-width="3"/>"#,
                    tenth(x - 6.0),
                    tenth(middle - 6.0),
                    tenth(x + 6.0),
                    tenth(middle - 6.0),
                ),
                false => put!(
                    self.canvas,
                    r#"<path d="M{} {}v{BAR}" stroke="{STROKE}" stroke-width="3"/>"#,
                    tenth(x),
                    tenth(y)
                ),
            }
            self.canvas.svg.push_str("</g>");
        }
    }

    fn block(&mut self, block: &Block<'_>, caller: bool, middle: f64) {
        let Block { span, more, .. } = *block;
        let (begin, end) = (self.x(block.from), self.x(block.until));
        self.canvas.svg.push_str("<g>");
        let title = match more {
            0 => format!(
                "{} for {:.1?}, from {:.1?}",
                span.what,
                span.until - span.from,
                span.from
            ),
            _ => format!("{} and {more} more, from {:.1?}", span.what, span.from),
        };
        self.canvas.title(&title);
        self.bar(span.state, caller, (begin, end), middle);
        let words = block.words();
        let most = ((end - begin - 8.0) / Font::DETAIL.width_of("m")).max(0.0) as usize;
        if most >= 4 {
            let words = shortened(&words, most);
            self.canvas
                .text((begin + end) / 2.0, middle + 4.0, Font::DETAIL, INK, &words);
        }
        self.canvas.svg.push_str("</g>");
    }

    fn bar(&mut self, state: State, caller: bool, (begin, end): (f64, f64), middle: f64) {
        let (fill, stroke, dashes) = match state {
            State::Handling if caller => (VIOLET, None, ""),
            State::Handling => (GREEN, None, ""),
            State::Calling => ("#e0e7ff", Some("#4338ca"), ""),
            State::Restarting => (PALE_AMBER, Some(DARK_AMBER), r#" stroke-dasharray="4 3""#),
        };
        put!(
            self.canvas,
            r#"<rect x="{}" y="{}" width="{}" height="{BAR}" fill="{fill}""#,
            tenth(begin),
            tenth(middle - BAR / 2.0),
            tenth(end - begin),
        );
        // A border would hide what is narrow.
        match stroke {
            Some(stroke) if end - begin > 4.0 => put!(self.canvas, r#" stroke="{stroke}"{dashes}/>"#),
            _ => self.canvas.svg.push_str("/>"),
        }
    }

    fn legend(&mut self, middle: f64) {
        let mut x = self.left;
        for state in State::ALL {
            self.bar(state, false, (x, x + 22.0), middle);
            x += 30.0;
            self.canvas
                .text_at(Anchor::Start, x, middle + 4.0, Font::DETAIL, DARK_GREY, state.word());
            x += Font::DETAIL.width_of(state.word()) + 24.0;
        }
        put!(
            self.canvas,
            r#"<path d="M{} {}h22" stroke="{GREY}" stroke-width="2"/>"#,
            tenth(x),
            tenth(middle)
        );
        self.canvas
            .text_at(Anchor::Start, x + 30.0, middle + 4.0, Font::DETAIL, DARK_GREY, "waits");
    }
}

/// Round times, eight at most.
fn ticks(elapsed: Duration) -> Vec<Duration> {
    let whole = elapsed.as_nanos() as u64;
    let steps = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    match steps.into_iter().find(|step| whole / step < 8) {
        Some(step) => (0..=whole / step).map(|n| Duration::from_nanos(n * step)).collect(),
        None => vec![Duration::ZERO],
    }
}
