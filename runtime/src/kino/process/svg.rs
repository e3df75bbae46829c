//! The tree as a picture.

use super::canvas::{
    AMBER, Canvas, DARK_AMBER, DARK_GREY, Font, GREEN, GREY, Head, INK, MARGIN, PALE_AMBER, Picture, RED, STROKE,
    VIOLET, put, tenth,
};
use super::fold::FULL;
use super::layout::{self, Direction, Gaps, Item, Place};
use super::tree::{Change, Kind, Mark, Node, Status, Tone, Tree, links};
use super::words::shortened;

/// Above this width a tree whose direction was not chosen lies on its side, if that is narrower.
const WIDEST: f64 = 1100.0;

const GAPS: Gaps = Gaps {
    siblings: 24.0,
    cousins: 36.0,
    levels: 52.0,
};

/// Draws `tree`; without a direction the one that fits.
pub(crate) fn draw(tree: &Tree, direction: Option<Direction>) -> Picture {
    let root = tree.drawn();
    let visits = root.walk();
    let cards: Vec<Card<'_>> = visits
        .iter()
        .map(|visit| Card::new(visit.node, visit.parent.is_none()))
        .collect();
    let items: Vec<Item> = cards
        .iter()
        .zip(&visits)
        .map(|(card, visit)| Item {
            parent: visit.parent,
            width: card.width + card.stack,
            height: card.height + card.stack,
        })
        .collect();

    let (direction, places) = place(&items, direction);
    let (inner_width, inner_height) = extent(&items, &places);
    let summary = tree.summary();
    let head = Head {
        title: tree.caption.as_deref().unwrap_or(&tree.root.title),
        summary: &summary,
        caption: tree.caption.as_deref(),
    };
    let top = head.top();
    let changes = tree.changes.as_deref();
    let below = changes.map_or(0.0, |_| CHANGES_HEIGHT);
    let width = head.width(inner_width.max(changes.map_or(0.0, |text| Font::DETAIL.width_of(text))));
    let left = (width - inner_width) / 2.0;
    let places: Vec<Place> = places
        .iter()
        .map(|place| Place {
            x: place.x + left,
            y: place.y + top,
        })
        .collect();

    let height = inner_height + top + MARGIN + below;
    let mut canvas = Canvas::begin(&head, width, height, 800 * cards.len());
    // The lines that matter lie above the others.
    for is_calm in [true, false] {
        for (n, visit) in visits.iter().enumerate() {
            if let Some(parent) = visit.parent
                && cards[n].look.is_calm() == is_calm
            {
                canvas.edge((&cards[parent], places[parent]), (&cards[n], places[n]), direction);
            }
        }
    }
    for (first, second) in links(&visits) {
        canvas.link(
            (&cards[first], places[first]),
            (&cards[second], places[second]),
            direction,
        );
    }
    for (card, place) in cards.iter().zip(&places) {
        canvas.card(card, *place);
    }
    if let Some(changes) = changes {
        canvas.text(width / 2.0, height - MARGIN + 2.0, Font::DETAIL, DARK_GREY, changes);
    }
    canvas.end()
}

fn place(items: &[Item], direction: Option<Direction>) -> (Direction, Vec<Place>) {
    let chosen = direction.unwrap_or(Direction::TopDown);
    let places = layout::places(items, chosen, &GAPS);
    let width = extent(items, &places).0;
    if direction.is_none() && width > WIDEST {
        let sideways = layout::places(items, Direction::LeftRight, &GAPS);
        if extent(items, &sideways).0 < width {
            return (Direction::LeftRight, sideways);
        }
    }
    (chosen, places)
}

fn extent(items: &[Item], places: &[Place]) -> (f64, f64) {
    items
        .iter()
        .zip(places)
        .fold((0.0, 0.0), |(width, height): (f64, f64), (item, place)| {
            (width.max(place.x + item.width), height.max(place.y + item.height))
        })
}

/// What is drawn for a node, and how large that is.
struct Card<'a> {
    node: &'a Node,
    look: Look,
    title: String,
    details: Vec<Detail>,
    /// The strip at the bottom that tells what has happened.
    marks: Vec<Mark>,
    /// How many messages wait.
    mailbox: Option<String>,
    width: f64,
    height: f64,
    /// How far the cards behind it stick out, if it stands for many.
    stack: f64,
}

struct Detail {
    text: String,
    colour: &'static str,
}

/// Colours that say what has become of a process.
struct Look {
    fill: &'static str,
    stroke: &'static str,
    stroke_width: f64,
    dashed: bool,
    text: &'static str,
    /// The line that leads here from the supervisor.
    edge: &'static str,
}

/// What is new.
const FRESH: &str = "#15803d";
const PALE_FRESH: &str = "#dcfce7";
const PALE_RED: &str = "#fee2e2";
const CYAN: &str = "#a5f3fc";
const DOTS: &str = r#" stroke-dasharray="1.5 4""#;

const CORNER: f64 = 8.0;
const PADDING: f64 = 14.0;
const TITLE_HEIGHT: f64 = 32.0;
const DETAIL_HEIGHT: f64 = 16.0;
const STRIP_HEIGHT: f64 = 22.0;
const CHANGES_HEIGHT: f64 = 22.0;
const STACK: f64 = 8.0;
/// Half the height of the ellipse that a cylinder ends with.
const RIM: f64 = 6.0;
const MOST_COLUMNS: usize = 44;

impl<'a> Card<'a> {
    fn new(node: &'a Node, is_root: bool) -> Card<'a> {
        let look = Look::of(node, is_root);
        let title = shortened(&node.title, MOST_COLUMNS).into_owned();
        let state = node.state().map(|text| Detail {
            text,
            colour: if node.is_running() { INK } else { look.stroke_text() },
        });
        let policy = node.policy.as_ref().map(|policy| Detail {
            text: policy.text(),
            colour: match policy.used {
                0 => look.text,
                used if used < policy.allowed => DARK_AMBER,
                _ => RED,
            },
        });
        let details: Vec<Detail> = [state, policy].into_iter().flatten().collect();
        let marks: Vec<Mark> = node
            .marks()
            .into_iter()
            .map(|mark| Mark {
                text: shortened(&mark.text, MOST_COLUMNS).into_owned(),
                ..mark
            })
            .collect();
        let mailbox = (node.mailbox > 0).then(|| node.mailbox.to_string());

        let widest = details
            .iter()
            .map(|detail| detail.text.as_str())
            .chain(marks.iter().map(|mark| mark.text.as_str()))
            .map(|text| Font::DETAIL.width_of(text))
            .fold(Font::TITLE.width_of(&title), f64::max);
        let strip = match marks.len() {
            0 => 0.0,
            lines => STRIP_HEIGHT + DETAIL_HEIGHT * (lines - 1) as f64,
        };
        let rim = if node.kind == Kind::Table { 2.0 * RIM } else { 0.0 };
        let height = TITLE_HEIGHT + DETAIL_HEIGHT * details.len() as f64 + strip + rim;
        let width = (widest + 2.0 * PADDING).max(96.0).ceil();
        Card {
            node,
            look,
            title,
            details,
            marks,
            mailbox,
            width,
            height,
            stack: if node.many.is_some() { STACK } else { 0.0 },
        }
    }

    /// What a pointer that rests on it shows: what is not in the picture, or only its beginning.
    fn hint(&self) -> String {
        let Node { title, .. } = self.node;
        let marks = self.node.marks();
        let cut = marks
            .iter()
            .zip(&self.marks)
            .filter(|(whole, shown)| whole.text != shown.text);
        let title = (*title != self.title).then_some(title.as_str());
        let parts = title.into_iter().chain(cut.map(|(whole, _)| whole.text.as_str()));
        parts.collect::<Vec<_>>().join(" · ")
    }

    fn strip_height(&self) -> f64 {
        STRIP_HEIGHT + DETAIL_HEIGHT * (self.marks.len().saturating_sub(1)) as f64
    }
}

impl Look {
    fn of(node: &Node, is_root: bool) -> Look {
        let calm = Look {
            fill: match node.kind {
                Kind::Application | Kind::Supervisor => VIOLET,
                Kind::Worker => GREEN,
                Kind::Linked => "#ffffff",
                Kind::Table => CYAN,
            },
            stroke: STROKE,
            stroke_width: if is_root { 4.0 } else { 1.0 },
            dashed: false,
            text: INK,
            edge: DARK_GREY,
        };
        let grey = Look {
            fill: "#d9d9d9",
            text: "#777777",
            stroke: GREY,
            dashed: true,
            edge: GREY,
            ..calm
        };
        let has_history = node.history().is_some();
        if let (Some(Change::New | Change::Started), Status::Running(_)) = (node.change, &node.status) {
            return Look {
                stroke: FRESH,
                stroke_width: 2.5,
                edge: FRESH,
                ..calm
            };
        }
        match node.status {
            Status::Running(_) if is_root || !has_history => calm,
            Status::Running(_) => Look {
                stroke: AMBER,
                stroke_width: 2.5,
                edge: AMBER,
                ..calm
            },
            Status::Restarting => Look {
                fill: PALE_AMBER,
                stroke: AMBER,
                stroke_width: 2.0,
                dashed: true,
                text: DARK_AMBER,
                edge: AMBER,
            },
            Status::Thing(_) => calm,
            Status::Stopped | Status::Ended if has_history => Look {
                stroke: RED,
                stroke_width: 1.5,
                ..grey
            },
            Status::Stopped | Status::Ended | Status::Missing(_) => grey,
        }
    }

    /// Whether nothing has happened to it.
    fn is_calm(&self) -> bool {
        self.edge != AMBER && self.edge != FRESH
    }

    /// The colour of words about a process that does not run.
    fn stroke_text(&self) -> &'static str {
        match self.stroke {
            RED => RED,
            _ => self.text,
        }
    }
}

impl Canvas {
    /// An arrow from a supervisor to its child, or a line to something else that is below it.
    fn edge(&mut self, (from, at): (&Card<'_>, Place), (to, end): (&Card<'_>, Place), direction: Direction) {
        let colour = to.look.edge;
        let width = if to.look.is_calm() { 1.5 } else { 2.0 };
        let has_head = !matches!(to.node.kind, Kind::Table | Kind::Linked);
        let dash = match to.node.kind {
            Kind::Linked => DOTS,
            _ if to.look.dashed => r#" stroke-dasharray="5 4""#,
            _ => "",
        };
        let gap = to.look.stroke_width / 2.0;
        let head = if has_head { 7.0 } else { 0.0 };
        match direction {
            Direction::TopDown => {
                let (x1, y1) = (tenth(at.x + from.width / 2.0), tenth(at.y + from.height + from.stack));
                let (x2, y2) = (tenth(end.x + to.width / 2.0), tenth(end.y - gap));
                let (tip, middle) = (tenth(y2 - head), tenth((y1 + y2 - head) / 2.0));
                put!(self, r#"<path d="M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {tip}" "#);
                put!(self, r#"fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>"#);
                if has_head {
                    put!(self, r#"<path d="M{x2} {y2}l-4.5 -8h9z" fill="{colour}"/>"#);
                }
            }
            Direction::LeftRight => {
                let (x1, y1) = (tenth(at.x + from.width + from.stack), tenth(at.y + from.height / 2.0));
                let (x2, y2) = (tenth(end.x - gap), tenth(end.y + to.height / 2.0));
                let (tip, middle) = (tenth(x2 - head), tenth((x1 + x2 - head) / 2.0));
                put!(self, r#"<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {tip} {y2}" "#);
                put!(self, r#"fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>"#);
                if has_head {
                    put!(self, r#"<path d="M{x2} {y2}l-8 -4.5v9z" fill="{colour}"/>"#);
                }
            }
        }
    }

    /// A dotted line between two processes that are linked, from the side on which their own children are.
    fn link(&mut self, (from, at): (&Card<'_>, Place), (to, end): (&Card<'_>, Place), direction: Direction) {
        const BEND: f64 = 26.0;
        match direction {
            Direction::TopDown => {
                let (x1, y1) = (tenth(at.x + from.width / 2.0), tenth(at.y + from.height));
                let (x2, y2) = (tenth(end.x + to.width / 2.0), tenth(end.y + to.height));
                let deep = tenth(y1.max(y2) + BEND);
                put!(self, r#"<path d="M{x1} {y1}C{x1} {deep} {x2} {deep} {x2} {y2}" "#);
            }
            Direction::LeftRight => {
                let (x1, y1) = (tenth(at.x + from.width), tenth(at.y + from.height / 2.0));
                let (x2, y2) = (tenth(end.x + to.width), tenth(end.y + to.height / 2.0));
                let deep = tenth(x1.max(x2) + BEND);
                put!(self, r#"<path d="M{x1} {y1}C{deep} {y1} {deep} {y2} {x2} {y2}" "#);
            }
        }
        put!(self, r#"fill="none" stroke="{STROKE}" stroke-width="1.5"{DOTS}/>"#);
    }

    fn card(&mut self, card: &Card<'_>, at: Place) {
        let Card {
            look, width, height, ..
        } = card;
        let (x, y, middle) = (tenth(at.x), tenth(at.y), at.x + width / 2.0);
        self.svg.push_str("<g>");
        let hint = card.hint();
        if !hint.is_empty() {
            self.title(&hint);
        }
        if card.stack > 0.0 {
            for behind in [card.stack, card.stack / 2.0] {
                let (x, y) = (tenth(at.x + behind), tenth(at.y + behind));
                put!(
                    self,
                    r##"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{CORNER}" fill="{}" stroke="{}"/>"##,
                    look.fill,
                    look.stroke,
                );
            }
        }
        let mut baseline = at.y + 21.0;
        if card.node.kind == Kind::Table {
            self.cylinder(card, at);
            baseline += 1.5 * RIM;
        } else {
            put!(
                self,
                r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{CORNER}" fill="{}""#,
                look.fill,
            );
            if card.marks.is_empty() {
                self.outline(look);
            }
            self.svg.push_str("/>");
        }
        if !card.marks.is_empty() {
            self.strip(card, at);
        }

        self.text(middle, baseline, Font::TITLE, look.text, &card.title);
        for detail in &card.details {
            baseline += DETAIL_HEIGHT;
            self.text(middle, baseline, Font::DETAIL, detail.colour, &detail.text);
        }
        self.marks(card, at);
        if let Some(mailbox) = &card.mailbox {
            self.mailbox(mailbox, card.node, at.x + width, at.y);
        }
        self.svg.push_str("</g>");
    }

    /// A table.
    fn cylinder(&mut self, card: &Card<'_>, at: Place) {
        let Card {
            look, width, height, ..
        } = card;
        let (x, y) = (tenth(at.x), tenth(at.y + RIM));
        let (radius, side) = (tenth(width / 2.0), tenth(height - 2.0 * RIM));
        put!(
            self,
            r#"<path d="M{x} {y}a{radius} {RIM} 0 0 1 {width} 0v{side}a{radius} {RIM} 0 0 1 -{width} 0z" fill="{}""#,
            look.fill,
        );
        self.outline(look);
        put!(
            self,
            r#"/><path d="M{x} {y}a{radius} {RIM} 0 0 0 {width} 0" fill="none" stroke="{}"/>"#,
            look.stroke,
        );
    }

    fn outline(&mut self, look: &Look) {
        put!(
            self,
            r#" stroke="{}" stroke-width="{}""#,
            look.stroke,
            look.stroke_width
        );
        if look.dashed {
            self.svg.push_str(r#" stroke-dasharray="5 3""#);
        }
    }

    /// The strip that tells what has happened here, and the outline over it.
    fn strip(&mut self, card: &Card<'_>, at: Place) {
        let strip = card.strip_height();
        let (x, y) = (tenth(at.x), tenth(at.y + card.height - strip));
        let fill = match card.look.stroke {
            RED | GREY => PALE_RED,
            FRESH => PALE_FRESH,
            _ => PALE_AMBER,
        };
        put!(
            self,
            r#"<path d="M{x} {y}h{}v{}a{CORNER} {CORNER} 0 0 1 -{CORNER} {CORNER}h-{}a{CORNER} {CORNER} 0 0 1 -{CORNER} -{CORNER}z" fill="{fill}"/>"#,
            card.width,
            strip - CORNER,
            card.width - 2.0 * CORNER,
        );
        put!(
            self,
            r#"<path d="M{x} {y}h{}" stroke="{}"/>"#,
            card.width,
            card.look.stroke,
        );
        put!(
            self,
            r#"<rect x="{x}" y="{}" width="{}" height="{}" rx="{CORNER}" fill="none""#,
            tenth(at.y),
            card.width,
            card.height,
        );
        self.outline(&card.look);
        self.svg.push_str("/>");
    }

    fn marks(&mut self, card: &Card<'_>, at: Place) {
        let mut baseline = at.y + card.height - card.strip_height() + 15.0;
        for mark in &card.marks {
            let colour = match mark.tone {
                Tone::Changed => DARK_AMBER,
                Tone::Bad => RED,
                Tone::Good => FRESH,
            };
            self.text(at.x + card.width / 2.0, baseline, Font::DETAIL, colour, &mark.text);
            baseline += DETAIL_HEIGHT;
        }
    }

    /// An envelope and the number of messages, on the upper right corner.
    fn mailbox(&mut self, text: &str, node: &Node, right: f64, top: f64) {
        let width = (Font::DETAIL.width_of(text) + 29.0).ceil();
        let (x, y) = (tenth(right - width + 10.0), tenth(top - 12.0));
        let (fill, colour) = match node.mailbox {
            ..FULL => ("#ffffff", STROKE),
            // Many mailboxes together are not a full one.
            _ if node.many.is_some() => ("#ffffff", STROKE),
            _ => (PALE_RED, RED),
        };
        put!(
            self,
            r#"<rect x="{x}" y="{y}" width="{width}" height="19" rx="9.5" fill="{fill}" stroke="{colour}"/>"#
        );
        put!(
            self,
            r#"<path d="M{} {}h11v8h-11zl5.5 4.5l5.5 -4.5" fill="none" stroke="{colour}"/>"#,
            tenth(x + 8.0),
            tenth(y + 5.5),
        );
        self.text(x + (width + 15.0) / 2.0, y + 13.4, Font::DETAIL, colour, text);
    }
}
