//! The sequence as a picture: a line for each process, an arrow for each message, time from top to bottom.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::canvas::{
    Anchor, Canvas, DARK_AMBER, DARK_GREY, Font, GREEN, GREY, Head, INK, MARGIN, PALE_AMBER, Picture, RED, STROKE,
    VIOLET, put, tenth,
};
use super::super::words::{one_line, shortened};
use super::plan::{Plan, Said, Step, Tone};
use crate::trace::{Kind, Lane};

const INDIGO: &str = "#4338ca";
const TEAL: &str = "#0f766e";
const LINE: &str = "#cbd5e1";

/// Payloads in columns: above an arrow, and beside a line.
const MOST_ABOVE: usize = 44;
const MOST_BESIDE: usize = 30;
const MOST_NAME: usize = 28;

/// Between what is written above an arrow and the lines at its ends.
const PADDING: f64 = 16.0;
/// From a line to what is written beside it: beside a mark on the line, and beside a message to oneself.
const BESIDE_MARK: f64 = 14.0;
const BESIDE_LOOP: f64 = 38.0;
/// Between the words of a label.
const SPACE: f64 = 7.0;

const HEAD_HEIGHT: f64 = 40.0;
const HEAD_PADDING: f64 = 12.0;
const BETWEEN_HEADS: f64 = 24.0;
const NOTE_HEIGHT: f64 = 18.0;
/// Half the width of a bar: the time in which a server has a call.
const BAR: f64 = 4.0;
/// A picture that is higher says at the end once more whose lines they are.
const HIGH: f64 = 900.0;

pub(super) fn draw(plan: &Plan<'_>, caption: Option<&str>) -> Picture {
    let summary = plan.summary();
    let head = Head {
        title: caption.unwrap_or("Sequence of messages"),
        summary: &summary,
        caption,
    };
    let labels: Vec<Option<Label<'_>>> = plan.steps.iter().map(Label::of).collect();
    let heads: Vec<Title> = plan.lanes.iter().map(|lane| Title::of(lane)).collect();
    let rows = Rows::new(plan, head.top());
    let columns = Columns::new(plan, &labels, &heads, &rows);

    let notes = notes(plan, &labels);
    let height = rows.end + if rows.is_high() { HEAD_HEIGHT } else { 0.0 };
    let notes_height = notes.len() as f64 * NOTE_HEIGHT + if notes.is_empty() { 0.0 } else { 10.0 };
    let notes_width = notes.iter().map(|note| Font::DETAIL.width_of(note)).fold(0.0, f64::max);
    let width = head.width((columns.end - MARGIN).max(notes_width));
    let mut canvas = Canvas::begin(
        &head,
        width,
        height + notes_height + MARGIN,
        600 * plan.steps.len() + 500 * heads.len(),
    );
    let mut drawing = Drawing {
        canvas: &mut canvas,
        columns: &columns,
        rows: &rows,
    };
    drawing.lines();
    drawing.frames(plan);
    for (place, title) in heads.iter().enumerate() {
        drawing.head(title, place, rows.lives[place].begin);
        if rows.is_high() {
            drawing.head(title, place, rows.end);
        }
    }
    for ((step, label), &y) in plan.steps.iter().zip(&labels).zip(&rows.places) {
        match (step, label) {
            (Step::Event(said), Some(label)) => drawing.event(said, label, y),
            (Step::Gap(words), _) => drawing.gap(words, y),
            _ => {}
        }
    }
    let mut baseline = height + 10.0;
    for note in &notes {
        baseline += NOTE_HEIGHT;
        canvas.text_at(Anchor::Start, MARGIN, baseline - 4.0, Font::DETAIL, DARK_GREY, note);
    }
    canvas.end()
}

/// What is not drawn, and how many payloads are not there as a whole.
fn notes(plan: &Plan<'_>, labels: &[Option<Label<'_>>]) -> Vec<String> {
    let is_cut = |label: &&Label<'_>| label.what.ends_with('…');
    let cut = labels.iter().flatten().filter(is_cut).count();
    let shortened = match cut {
        0 => None,
        1 => Some("1 payload is shortened: …".to_owned()),
        _ => Some(format!("{cut} payloads are shortened: …")),
    };
    plan.notes.iter().cloned().chain(shortened).collect()
}

/// The words of an event.
struct Label<'a> {
    kind: String,
    /// The payload as it was, and as there is room for it.
    whole: String,
    what: String,
    times: Option<String>,
    remark: Option<(&'a str, &'static str)>,
    colour: &'static str,
    width: f64,
}

impl<'a> Label<'a> {
    fn of(step: &'a Step<'_>) -> Option<Label<'a>> {
        let Step::Event(said) = step else { return None };
        let most = if said.to.is_some() && said.to != said.from {
            MOST_ABOVE
        } else {
            MOST_BESIDE
        };
        let (kind, whole) = (said.event.kind.to_string(), said.what());
        let what = match shortened(&whole, most) {
            Cow::Borrowed(_) => whole.clone(),
            Cow::Owned(short) => short,
        };
        let times = (said.times > 1).then(|| format!("× {}", said.times));
        let remark = said.remark.as_ref().map(|remark| {
            let colour = match remark.tone {
                Tone::Calm => DARK_GREY,
                Tone::Warning => DARK_AMBER,
                Tone::Lost => RED,
            };
            (remark.text.as_str(), colour)
        });
        let words = [
            Some(kind.as_str()),
            Some(&what),
            times.as_deref(),
            remark.map(|(text, _)| text),
        ];
        let words = words.into_iter().flatten().filter(|word| !word.is_empty());
        let width = words.map(|word| Font::WORD.width_of(word) + SPACE).sum::<f64>() - SPACE;
        Some(Label {
            colour: colour(said),
            kind,
            whole,
            what,
            times,
            remark,
            width,
        })
    }
}

fn colour(said: &Said<'_>) -> &'static str {
    match said.event.kind {
        Kind::Call | Kind::Reply => INDIGO,
        Kind::Cast => TEAL,
        Kind::Info => STROKE,
        Kind::Spawn => "#047857",
        Kind::Timeout => DARK_AMBER,
        Kind::Exit | Kind::Down | Kind::Exited if said.event.crash => RED,
        _ => DARK_GREY,
    }
}

/// What stands above a line.
struct Title {
    name: String,
    whole: String,
    pid: Option<String>,
    fill: &'static str,
    width: f64,
}

impl Title {
    fn of(lane: &Lane) -> Title {
        let whole = one_line(&lane.to_string());
        let name = shortened(&whole, MOST_NAME).into_owned();
        let pid = (lane.called().is_some() || lane.caller).then(|| lane.pid.to_string());
        let below = pid.as_deref().map_or(0.0, |pid| Font::DETAIL.width_of(pid));
        let width = Font::TITLE.width_of(&name).max(below) + 2.0 * HEAD_PADDING;
        Title {
            fill: if lane.caller { VIOLET } else { GREEN },
            name,
            whole,
            pid,
            width: width.max(72.0).ceil(),
        }
    }
}

/// How high everything is drawn.
struct Rows {
    top: f64,
    /// For each step: the height of an arrow, the middle of a gap, the upper or lower end of a frame.
    places: Vec<f64>,
    lives: Vec<Life>,
    end: f64,
}

/// The line of a process.
struct Life {
    /// The upper end of what stands above it.
    begin: f64,
    /// The place of the mark of its end.
    exit: Option<f64>,
    /// When it had calls to answer.
    busy: Vec<(f64, f64)>,
}

impl Rows {
    fn new(plan: &Plan<'_>, top: f64) -> Rows {
        let mut lives: Vec<Option<Life>> = plan.lanes.iter().map(|_| None).collect();
        let born = |begin| Life {
            begin,
            exit: None,
            busy: Vec::new(),
        };
        let mut y = top + HEAD_HEIGHT + 6.0;
        let mut places = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let (above, below) = match step {
                Step::Repeat(_) => (8.0, 22.0),
                Step::End => (10.0, 8.0),
                Step::Gap(_) => (18.0, 16.0),
                Step::Event(said) => match said.to {
                    Some(to) if said.is_birth() && lives[to].is_none() => (HEAD_HEIGHT / 2.0 + 8.0, HEAD_HEIGHT / 2.0),
                    Some(_) if said.to == said.from => (16.0, 20.0),
                    Some(_) => (24.0, 8.0),
                    None => (18.0, 10.0),
                },
            };
            y += above;
            places.push(y);
            if let Step::Event(said) = step {
                if let (Some(to), true) = (said.to, said.is_birth()) {
                    lives[to].get_or_insert_with(|| born(y - HEAD_HEIGHT / 2.0));
                }
                for lane in [said.from, said.to].into_iter().flatten() {
                    lives[lane].get_or_insert_with(|| born(top));
                }
                if let (Kind::Exited, Some(lane)) = (said.event.kind, said.from) {
                    lives[lane].as_mut().expect("it is there since the loop above").exit = Some(y);
                }
            }
            y += below;
        }
        let mut rows = Rows {
            top,
            places,
            lives: lives
                .into_iter()
                .map(|life| life.unwrap_or_else(|| born(top)))
                .collect(),
            end: y + 12.0,
        };
        rows.find_busy(plan);
        rows
    }

    /// A server is busy from a call to its answer to that.
    fn find_busy(&mut self, plan: &Plan<'_>) {
        let mut calls: HashMap<u64, (usize, f64, f64)> = HashMap::new();
        for (step, &y) in plan.steps.iter().zip(&self.places) {
            let Step::Event(said) = step else { continue };
            match (said.event.kind, said.from, said.to) {
                (Kind::Call, from, Some(to)) if from != Some(to) && !said.event.is_dead_letter() => {
                    calls.insert(said.event.number, (to, y, y));
                }
                (Kind::Reply | Kind::Down, Some(from), _) => {
                    let call = said.event.pair.and_then(|call| calls.get_mut(&call));
                    if let Some((lane, _, end)) = call
                        && *lane == from
                    {
                        *end = self.lives[from].exit.unwrap_or(y).min(y);
                    }
                }
                _ => {}
            }
        }
        for (lane, begin, end) in calls.into_values().filter(|(_, begin, end)| begin < end) {
            self.lives[lane].busy.push((begin, end));
        }
        for life in &mut self.lives {
            life.busy.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
    }

    fn is_high(&self) -> bool {
        self.end - self.top > HIGH
    }

    /// How far an arrow that ends at that height stays away from the line.
    fn reserve(&self, lane: usize, y: f64) -> f64 {
        let busy = &self.lives[lane].busy;
        match busy.iter().any(|(begin, end)| (*begin..=*end).contains(&y)) {
            true => BAR + 1.0,
            false => 1.0,
        }
    }
}

/// Where the lines are.
struct Columns {
    /// The right end of the times.
    times: f64,
    begin: f64,
    lines: Vec<f64>,
    heads: Vec<f64>,
    end: f64,
}

impl Columns {
    fn new(plan: &Plan<'_>, labels: &[Option<Label<'_>>], heads: &[Title], rows: &Rows) -> Columns {
        let half = |lane: usize| heads[lane].width / 2.0;
        let count = heads.len();
        let mut gaps: Vec<f64> = (1..count)
            .map(|lane| half(lane - 1) + half(lane) + BETWEEN_HEADS)
            .collect();
        let (mut left, mut right) = match count {
            0 => (0.0, 0.0),
            _ => (half(0), half(count - 1)),
        };
        // Room that is needed between two lines.
        let mut needs: Vec<(usize, usize, f64)> = Vec::new();
        let mut times = 0.0_f64;
        for ((step, label), &y) in plan.steps.iter().zip(labels).zip(&rows.places) {
            let (Step::Event(said), Some(label)) = (step, label) else {
                continue;
            };
            times = times.max(Font::DETAIL.width_of(&time(said)));
            match (said.from, said.to) {
                (None, Some(to)) if to > 0 => needs.push((to - 1, to, label.width + 2.0 * PADDING)),
                (None, _) => left = left.max(label.width + 2.0 * PADDING),
                (Some(from), Some(to)) if from != to => {
                    let new = said.is_birth() && rows.lives[to].begin + HEAD_HEIGHT / 2.0 == y;
                    let head = if new { half(to) } else { 0.0 };
                    needs.push((from.min(to), from.max(to), label.width + 2.0 * PADDING + head));
                }
                (Some(from), to) => {
                    let beside = if to.is_some() { BESIDE_LOOP } else { BESIDE_MARK };
                    let need = beside + label.width + PADDING;
                    match from + 1 < count {
                        true => needs.push((from, from + 1, need)),
                        false => right = right.max(need),
                    }
                }
            }
        }
        needs.sort_by_key(|(from, to, _)| to - from);
        for (from, to, need) in needs {
            let missing = need - gaps[from..to].iter().sum::<f64>();
            if missing > 0.0 {
                gaps[from..to]
                    .iter_mut()
                    .for_each(|gap| *gap += missing / (to - from) as f64);
            }
        }
        let times = MARGIN + times;
        let begin = times + 18.0;
        let mut lines = Vec::with_capacity(count);
        let mut x = begin + left;
        for lane in 0..count {
            lines.push(x.round());
            x += gaps.get(lane).copied().unwrap_or(right);
        }
        Columns {
            times,
            begin,
            lines,
            heads: heads.iter().map(|head| head.width).collect(),
            end: x.max(begin + 120.0),
        }
    }
}

/// When it was.
fn time(said: &Said<'_>) -> String {
    format!("{:.1?}", said.event.at)
}

struct Drawing<'a> {
    canvas: &'a mut Canvas,
    columns: &'a Columns,
    rows: &'a Rows,
}

impl Drawing<'_> {
    /// The lines, and on them the times when servers had calls.
    fn lines(&mut self) {
        for (life, &x) in self.rows.lives.iter().zip(&self.columns.lines) {
            let (begin, end) = (tenth(life.begin + HEAD_HEIGHT), tenth(self.rows.end));
            let exit = tenth(life.exit.unwrap_or(end));
            put!(
                self.canvas,
                r#"<path d="M{x} {begin}V{exit}" stroke="{GREY}" stroke-width="1.5"/>"#
            );
            if exit < end {
                put!(
                    self.canvas,
                    r#"<path d="M{x} {exit}V{end}" stroke="{LINE}" stroke-dasharray="2 5"/>"#
                );
            }
            for (begin, end) in &life.busy {
                put!(
                    self.canvas,
                    r##"<rect x="{}" y="{}" width="{}" height="{}" fill="#e0e7ff" stroke="{INDIGO}"/>"##,
                    tenth(x - BAR),
                    tenth(*begin),
                    2.0 * BAR,
                    tenth(end - begin),
                );
            }
        }
    }

    /// Frames around what is repeated.
    fn frames(&mut self, plan: &Plan<'_>) {
        let x = tenth(self.columns.begin - 8.0);
        let width = tenth(self.columns.end + 8.0 - x);
        let mut open = None;
        for (step, &y) in plan.steps.iter().zip(&self.rows.places) {
            match (step, open) {
                (Step::Repeat(times), _) => open = Some((*times, y)),
                (Step::End, Some((times, begin))) => {
                    let tag = format!("× {times}");
                    let tag_width = (Font::WORD.width_of(&tag) + 18.0).ceil();
                    let (begin, height) = (tenth(begin), tenth(y - begin));
                    put!(
                        self.canvas,
                        r##"<rect x="{x}" y="{begin}" width="{width}" height="{height}" rx="4" fill="none" stroke="{GREY}" stroke-dasharray="5 3"/>"##
                    );
                    put!(
                        self.canvas,
                        r#"<rect x="{x}" y="{begin}" width="{tag_width}" height="20" rx="4" fill="{PALE_AMBER}" stroke="{GREY}"/>"#
                    );
                    self.canvas
                        .text(x + tag_width / 2.0, begin + 14.0, Font::WORD, DARK_AMBER, &tag);
                }
                _ => {}
            }
        }
    }

    fn head(&mut self, title: &Title, lane: usize, y: f64) {
        let (x, width) = (self.columns.lines[lane], title.width);
        self.canvas.svg.push_str("<g>");
        if title.name != title.whole {
            self.canvas.title(&title.whole);
        }
        put!(
            self.canvas,
            r#"<rect x="{}" y="{}" width="{width}" height="{HEAD_HEIGHT}" rx="8" fill="{}" stroke="{STROKE}"/>"#,
            tenth(x - width / 2.0),
            tenth(y),
            title.fill,
        );
        let baseline = y + if title.pid.is_some() { 18.0 } else { 25.0 };
        self.canvas.text(x, baseline, Font::TITLE, INK, &title.name);
        if let Some(pid) = &title.pid {
            self.canvas.text(x, baseline + 15.0, Font::DETAIL, INK, pid);
        }
        self.canvas.svg.push_str("</g>");
    }

    fn event(&mut self, said: &Said<'_>, label: &Label<'_>, y: f64) {
        self.canvas.svg.push_str("<g>");
        if label.what != label.whole {
            self.canvas.title(&label.whole);
        }
        let baseline = y + 4.0;
        let times = self.columns.times;
        self.canvas
            .text_at(Anchor::End, times, baseline, Font::DETAIL, DARK_GREY, &time(said));
        match (said.from, said.to) {
            (from, Some(to)) if from != Some(to) => self.arrow(from, to, said, label, y),
            (Some(lane), Some(_)) => {
                let (x, end) = (self.columns.lines[lane], y + 12.0);
                let gap = self.rows.reserve(lane, y);
                let (out, back) = (tenth(x + gap), tenth(x + self.rows.reserve(lane, end)));
                let (y, end) = (tenth(y), tenth(end));
                put!(
                    self.canvas,
                    r#"<path d="M{out} {y}H{}V{end}H{}" fill="none" stroke="{}" stroke-width="1.5"/>"#,
                    tenth(x + BESIDE_LOOP - 8.0),
                    back + 6.0,
                    label.colour,
                );
                self.tip(back, end, -1.0, is_filled(said), label.colour);
                self.label(label, x + BESIDE_LOOP, y + 10.0);
            }
            (Some(lane), None) => {
                let x = self.columns.lines[lane];
                match said.event.kind {
                    Kind::Exited => self.cross(x, y, label.colour),
                    _ => {
                        put!(
                            self.canvas,
                            r##"<path d="M{x} {}l5 5l-5 5l-5 -5z" fill="#ffffff" stroke="{}" stroke-width="1.5"/>"##,
                            tenth(y - 5.0),
                            label.colour,
                        );
                    }
                }
                self.label(label, x + BESIDE_MARK, baseline);
            }
            (None, _) => {}
        }
        self.canvas.svg.push_str("</g>");
    }

    /// An arrow to another line; one that nobody sent begins at a dot.
    fn arrow(&mut self, from: Option<usize>, to: usize, said: &Said<'_>, label: &Label<'_>, y: f64) {
        let lines = &self.columns.lines;
        let new = said.is_birth() && self.rows.lives[to].begin + HEAD_HEIGHT / 2.0 == y;
        let (begin, towards) = match from {
            Some(from) => (lines[from], if from < to { 1.0 } else { -1.0 }),
            None => (lines[to] - label.width - 1.5 * PADDING, 1.0),
        };
        let target = match new {
            true => lines[to] - towards * (self.columns.heads[to] / 2.0 + 1.0),
            false => lines[to] - towards * self.rows.reserve(to, y),
        };
        let middle = (begin + target) / 2.0;
        let is_long = from.is_some_and(|from| from.abs_diff(to) > 1);
        if is_long {
            put!(
                self.canvas,
                r##"<rect x="{}" y="{}" width="{}" height="15" fill="#ffffff"/>"##,
                tenth(middle - label.width / 2.0 - 3.0),
                tenth(y - 19.0),
                tenth(label.width + 6.0),
            );
        }
        let begin = match from {
            Some(from) => begin + towards * self.rows.reserve(from, y),
            None => {
                put!(
                    self.canvas,
                    r#"<rect x="{}" y="{}" width="7" height="7" rx="3.5" fill="{}"/>"#,
                    tenth(begin - 3.5),
                    tenth(y - 3.5),
                    label.colour,
                );
                begin
            }
        };
        let is_dead = said.event.is_dead_letter();
        let tip = if is_dead { target - towards * 14.0 } else { target };
        let dash = match said.event.kind {
            Kind::Reply | Kind::Down | Kind::Spawn => r#" stroke-dasharray="6 3""#,
            Kind::Call | Kind::Cast | Kind::Info | Kind::Exit => "",
            _ => r#" stroke-dasharray="2 3""#,
        };
        let (y, x1, x2) = (tenth(y), tenth(begin), tenth(tip - towards * 2.0));
        put!(
            self.canvas,
            r#"<path d="M{x1} {y}H{x2}" stroke="{}" stroke-width="1.5"{dash}/>"#,
            label.colour,
        );
        match is_dead {
            true => self.cross(tip, y, RED),
            false => self.tip(tip, y, towards, is_filled(said), label.colour),
        }
        self.label(label, middle - label.width / 2.0, y - 7.0);
    }

    /// The end of an arrow.
    fn tip(&mut self, x: f64, y: f64, towards: f64, filled: bool, colour: &str) {
        let back = tenth(towards * -8.0);
        let (x, y) = (tenth(x), tenth(y));
        match filled {
            true => put!(self.canvas, r#"<path d="M{x} {y}l{back} -4.5v9z" fill="{colour}"/>"#),
            false => put!(
                self.canvas,
                r#"<path d="M{} {}L{x} {y}l{back} 4.5" fill="none" stroke="{colour}" stroke-width="1.5"/>"#,
                tenth(x + back),
                tenth(y - 4.5),
            ),
        }
    }

    fn cross(&mut self, x: f64, y: f64, colour: &str) {
        let (left, top, right) = (tenth(x - 5.0), tenth(y - 5.0), tenth(x + 5.0));
        put!(
            self.canvas,
            r#"<path d="M{left} {top}l10 10M{right} {top}l-10 10" stroke="{colour}" stroke-width="2"/>"#
        );
    }

    fn label(&mut self, label: &Label<'_>, x: f64, baseline: f64) {
        let words = [
            Some((label.kind.as_str(), label.colour, Font::WORD)),
            Some((label.what.as_str(), INK, Font::DETAIL)),
            (label.times.as_deref()).map(|times| (times, DARK_AMBER, Font::WORD)),
            label.remark.map(|(remark, colour)| (remark, colour, Font::DETAIL)),
        ];
        let mut x = x;
        for (text, colour, font) in words.into_iter().flatten().filter(|word| !word.0.is_empty()) {
            self.canvas.text_at(Anchor::Start, x, baseline, font, colour, text);
            x += font.width_of(text) + SPACE;
        }
    }

    fn gap(&mut self, words: &str, y: f64) {
        let (x, end) = (self.columns.begin, self.columns.end);
        put!(
            self.canvas,
            r##"<rect x="{}" y="{}" width="{}" height="22" rx="4" fill="#f3f4f6"/>"##,
            tenth(x - 8.0),
            tenth(y - 11.0),
            tenth(end - x + 16.0),
        );
        self.canvas
            .text((x + end) / 2.0, y + 4.0, Font::DETAIL, DARK_GREY, words);
    }
}

/// Who sends a call or an exit is concerned by what becomes of it; who casts is not.
fn is_filled(said: &Said<'_>) -> bool {
    !matches!(said.event.kind, Kind::Cast | Kind::Info)
}
