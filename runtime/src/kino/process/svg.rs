//! The tree as a picture.

use super::canvas::{
    AMBER, Canvas, DARK_AMBER, DARK_GREY, Font, GREEN, GREY, Head, INK, MARGIN, PALE_AMBER, Picture, RED, STROKE,
    VIOLET, put, tenth,
};
use super::layout::{self, Direction, Gaps, Item, Place};
use super::tree::{Kind, Node, Status, Tree};
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
    let visits = tree.root.walk();
    let cards: Vec<Card<'_>> = visits
        .iter()
        .map(|visit| Card::new(visit.node, visit.parent.is_none()))
        .collect();
    let items: Vec<Item> = cards
        .iter()
        .zip(&visits)
        .map(|(card, visit)| Item {
            parent: visit.parent,
            width: card.width,
            height: card.height,
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
    let width = head.width(inner_width);
    let left = (width - inner_width) / 2.0;
    let places: Vec<Place> = places
        .iter()
        .map(|place| Place {
            x: place.x + left,
            y: place.y + top,
        })
        .collect();

    let mut canvas = Canvas::begin(&head, width, inner_height + top + MARGIN, 700 * cards.len());
    // The lines that matter lie above the others.
    for is_calm in [true, false] {
        for (n, visit) in visits.iter().enumerate() {
            if let Some(parent) = visit.parent
                && (cards[n].look.edge != AMBER) == is_calm
            {
                canvas.edge((&cards[parent], places[parent]), (&cards[n], places[n]), direction);
            }
        }
    }
    for (card, place) in cards.iter().zip(&places) {
        canvas.card(card, *place);
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
    /// The strip at the bottom that tells of a crash.
    history: Option<String>,
    /// How many messages wait.
    mailbox: Option<String>,
    width: f64,
    height: f64,
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

const CORNER: f64 = 8.0;
const PADDING: f64 = 14.0;
const TITLE_HEIGHT: f64 = 32.0;
const DETAIL_HEIGHT: f64 = 16.0;
const HISTORY_HEIGHT: f64 = 22.0;
const MOST_COLUMNS: usize = 44;

impl<'a> Card<'a> {
    fn new(node: &'a Node, is_root: bool) -> Card<'a> {
        let look = Look::of(node, is_root);
        let title = shortened(&node.title, MOST_COLUMNS).into_owned();
        let state = node.state().map(|state| Detail {
            text: state.to_owned(),
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
        let history = node.history();
        let mailbox = (node.mailbox > 0).then(|| node.mailbox.to_string());

        let widest = details
            .iter()
            .map(|detail| detail.text.as_str())
            .chain(history.as_deref())
            .map(|text| Font::DETAIL.width_of(text))
            .fold(Font::TITLE.width_of(&title), f64::max);
        let height =
            TITLE_HEIGHT + DETAIL_HEIGHT * details.len() as f64 + history.as_ref().map_or(0.0, |_| HISTORY_HEIGHT);
        let width = (widest + 2.0 * PADDING).max(96.0).ceil();
        Card {
            node,
            look,
            title,
            details,
            history,
            mailbox,
            width,
            height,
        }
    }
}

impl Look {
    fn of(node: &Node, is_root: bool) -> Look {
        let calm = Look {
            fill: match node.kind {
                Kind::Application | Kind::Supervisor => VIOLET,
                Kind::Worker => GREEN,
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
            Status::Stopped if has_history => Look {
                stroke: RED,
                stroke_width: 1.5,
                ..grey
            },
            Status::Stopped | Status::Missing(_) => grey,
        }
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
    /// An arrow from a supervisor to its child.
    fn edge(&mut self, (from, at): (&Card<'_>, Place), (to, end): (&Card<'_>, Place), direction: Direction) {
        let colour = to.look.edge;
        let width = if to.look.edge == AMBER { 2.0 } else { 1.5 };
        let dash = if to.look.dashed {
            r#" stroke-dasharray="5 4""#
        } else {
            ""
        };
        let gap = to.look.stroke_width / 2.0;
        match direction {
            Direction::TopDown => {
                let (x1, y1) = (tenth(at.x + from.width / 2.0), tenth(at.y + from.height));
                let (x2, y2) = (tenth(end.x + to.width / 2.0), tenth(end.y - gap));
                let (tip, middle) = (tenth(y2 - 7.0), tenth((y1 + y2 - 7.0) / 2.0));
                put!(self, r#"<path d="M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {tip}" "#);
                put!(self, r#"fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>"#);
                put!(self, r#"<path d="M{x2} {y2}l-4.5 -8h9z" fill="{colour}"/>"#);
            }
            Direction::LeftRight => {
                let (x1, y1) = (tenth(at.x + from.width), tenth(at.y + from.height / 2.0));
                let (x2, y2) = (tenth(end.x - gap), tenth(end.y + to.height / 2.0));
                let (tip, middle) = (tenth(x2 - 7.0), tenth((x1 + x2 - 7.0) / 2.0));
                put!(self, r#"<path d="M{x1} {y1}C{middle} {y1} {middle} {y2} {tip} {y2}" "#);
                put!(self, r#"fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>"#);
                put!(self, r#"<path d="M{x2} {y2}l-8 -4.5v9z" fill="{colour}"/>"#);
            }
        }
    }

    fn card(&mut self, card: &Card<'_>, at: Place) {
        let Card {
            look, width, height, ..
        } = card;
        let (x, y, middle) = (tenth(at.x), tenth(at.y), at.x + width / 2.0);
        self.svg.push_str("<g>");
        if card.title != card.node.title {
            self.title(&card.node.title);
        }
        put!(
            self,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{CORNER}" fill="{}""#,
            look.fill,
        );
        if card.history.is_none() {
            self.outline(look);
        }
        self.svg.push_str("/>");
        if let Some(history) = &card.history {
            self.history(card, history, at);
        }

        let mut baseline = at.y + 21.0;
        self.text(middle, baseline, Font::TITLE, look.text, &card.title);
        for detail in &card.details {
            baseline += DETAIL_HEIGHT;
            self.text(middle, baseline, Font::DETAIL, detail.colour, &detail.text);
        }
        if let Some(mailbox) = &card.mailbox {
            self.mailbox(mailbox, card.node.mailbox, at.x + width, at.y);
        }
        self.svg.push_str("</g>");
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

    /// The strip that tells what was here before, and the outline over it.
    fn history(&mut self, card: &Card<'_>, history: &str, at: Place) {
        let (x, y) = (tenth(at.x), tenth(at.y + card.height - HISTORY_HEIGHT));
        let (fill, colour) = match card.look.stroke {
            RED => ("#fee2e2", RED),
            _ => (PALE_AMBER, DARK_AMBER),
        };
        put!(
            self,
            r#"<path d="M{x} {y}h{}v{}a{CORNER} {CORNER} 0 0 1 -{CORNER} {CORNER}h-{}a{CORNER} {CORNER} 0 0 1 -{CORNER} -{CORNER}z" fill="{fill}"/>"#,
            card.width,
            HISTORY_HEIGHT - CORNER,
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
        self.text(at.x + card.width / 2.0, y + 15.0, Font::DETAIL, colour, history);
    }

    /// An envelope and the number of messages, on the upper right corner.
    fn mailbox(&mut self, text: &str, messages: usize, right: f64, top: f64) {
        let width = (Font::DETAIL.width_of(text) + 29.0).ceil();
        let (x, y) = (tenth(right - width + 10.0), tenth(top - 12.0));
        let (fill, colour) = match messages {
            0..100 => ("#ffffff", STROKE),
            _ => ("#fee2e2", RED),
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
