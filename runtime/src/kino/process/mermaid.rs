//! The tree as a Mermaid flowchart, in Kino's shapes and colours.

use std::fmt::Write;

use super::layout::Direction;
use super::tree::{Change, Kind, Node, Status, Tree, links};
use super::words::shortened;

const CLASSES: [&str; 7] = [
    "classDef root fill:#c4b5fd,stroke:#374151,stroke-width:4px,color:#1f2937;",
    "classDef supervisor fill:#c4b5fd,stroke:#374151,stroke-width:1px,color:#1f2937;",
    "classDef worker fill:#66c2a5,stroke:#374151,stroke-width:1px,color:#1f2937;",
    "classDef stopped fill:#d9d9d9,stroke:#9ca3af,stroke-width:1px,stroke-dasharray:4 3,color:#777777;",
    "classDef table fill:#a5f3fc,stroke:#374151,stroke-width:1px,color:#1f2937;",
    "classDef restarted stroke:#d97706,stroke-width:3px;",
    "classDef new stroke:#15803d,stroke-width:3px;",
];

pub(crate) fn draw(tree: &Tree, direction: Direction) -> String {
    let mut text = String::new();
    let parts = [tree.caption.as_deref(), tree.changes.as_deref()];
    let caption = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    push_caption(&mut text, (!caption.is_empty()).then_some(&caption));
    text.push_str(match direction {
        Direction::TopDown => "flowchart TD\n",
        Direction::LeftRight => "flowchart LR\n",
    });
    let root = tree.drawn();
    let visits = root.walk();
    for (n, visit) in visits.iter().enumerate() {
        let node = visit.node;
        let [open, close] = match (node.kind, &node.many) {
            (Kind::Table, _) => ["[(\"", "\")]"],
            (_, Some(_)) => ["[[\"", "\"]]"],
            (_, None) => ["(\"", "\")"],
        };
        write!(text, "  n{n}{open}").expect(INFALLIBLE);
        push_label(&mut text, node);
        writeln!(text, "{close}:::{}", class(node, visit.parent.is_none())).expect(INFALLIBLE);
        if node.is_running() && node.history().is_some() {
            writeln!(text, "  class n{n} restarted").expect(INFALLIBLE);
        }
        if let Some(Change::New | Change::Started) = node.change {
            writeln!(text, "  class n{n} new").expect(INFALLIBLE);
        }
        if let Some(parent) = visit.parent {
            let line = match node.kind {
                Kind::Table => "---",
                Kind::Linked => "-.-",
                Kind::Application | Kind::Supervisor | Kind::Worker => "-->",
            };
            writeln!(text, "  n{parent} {line} n{n}").expect(INFALLIBLE);
        }
    }
    for (first, second) in links(&visits) {
        writeln!(text, "  n{first} -.- n{second}").expect(INFALLIBLE);
    }
    for class in CLASSES {
        writeln!(text, "  {class}").expect(INFALLIBLE);
    }
    text
}

const INFALLIBLE: &str = "writing to a String cannot fail";

fn class(node: &Node, is_root: bool) -> &'static str {
    match (&node.status, node.kind) {
        (_, Kind::Table) => "table",
        (Status::Running(_), _) if is_root => "root",
        (Status::Running(_), Kind::Application | Kind::Supervisor) => "supervisor",
        (Status::Running(_), Kind::Worker | Kind::Linked) => "worker",
        _ => "stopped",
    }
}

fn push_label(text: &mut String, node: &Node) {
    push_escaped(text, &node.title);
    let policy = node.policy.as_ref().map(|policy| policy.text());
    let marks = node.marks().into_iter().map(|mark| mark.text);
    let lines = node.state().into_iter().chain(policy).chain(marks);
    for line in lines.chain(node.mailbox_words()) {
        text.push_str("<br/>");
        push_escaped(text, &shortened(&line, MOST_COLUMNS));
    }
}

/// A longer remark would make its box too wide.
const MOST_COLUMNS: usize = 44;

/// Mermaid writes a character as `#name;`, and reads Markdown between back-ticks.
pub(super) fn push_escaped(text: &mut String, label: &str) {
    for letter in label.chars() {
        match letter {
            '"' => text.push_str("#quot;"),
            '<' => text.push_str("#lt;"),
            '>' => text.push_str("#gt;"),
            '&' => text.push_str("#amp;"),
            '#' => text.push_str("#35;"),
            '`' => text.push_str("#96;"),
            '\\' => text.push_str("#92;"),
            // It ends a statement; two of the next begin a comment or a directive, two of the last a formula.
            ';' => text.push_str("#59;"),
            '%' => text.push_str("#37;"),
            '$' => text.push_str("#36;"),
            letter => text.push(letter),
        }
    }
}

/// The headline of a diagram, which comes before all else.
pub(super) fn push_caption(text: &mut String, caption: Option<&str>) {
    if let Some(caption) = caption {
        text.push_str("---\ntitle: ");
        push_yaml_string(text, caption);
        text.push_str("\n---\n");
    }
}

fn push_yaml_string(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            letter => text.push(letter),
        }
    }
    text.push('"');
}
