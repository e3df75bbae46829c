//! The tree as a Mermaid flowchart, in Kino's shapes and colours.

use std::fmt::Write;

use super::layout::Direction;
use super::tree::{Kind, Node, Status, Tree};

const CLASSES: [&str; 5] = [
    "classDef root fill:#c4b5fd,stroke:#374151,stroke-width:4px,color:#1f2937;",
    "classDef supervisor fill:#c4b5fd,stroke:#374151,stroke-width:1px,color:#1f2937;",
    "classDef worker fill:#66c2a5,stroke:#374151,stroke-width:1px,color:#1f2937;",
    "classDef stopped fill:#d9d9d9,stroke:#9ca3af,stroke-width:1px,stroke-dasharray:4 3,color:#777777;",
    "classDef restarted stroke:#d97706,stroke-width:3px;",
];

pub(crate) fn draw(tree: &Tree, direction: Direction) -> String {
    let mut text = String::new();
    push_caption(&mut text, tree.caption.as_deref());
    text.push_str(match direction {
        Direction::TopDown => "flowchart TD\n",
        Direction::LeftRight => "flowchart LR\n",
    });
    for (n, visit) in tree.root.walk().iter().enumerate() {
        let node = visit.node;
        write!(text, "  n{n}(\"").expect(INFALLIBLE);
        push_label(&mut text, node);
        writeln!(text, "\"):::{}", class(node, visit.parent.is_none())).expect(INFALLIBLE);
        if node.is_running() && node.history().is_some() {
            writeln!(text, "  class n{n} restarted").expect(INFALLIBLE);
        }
        if let Some(parent) = visit.parent {
            writeln!(text, "  n{parent} --> n{n}").expect(INFALLIBLE);
        }
    }
    for class in CLASSES {
        writeln!(text, "  {class}").expect(INFALLIBLE);
    }
    text
}

const INFALLIBLE: &str = "writing to a String cannot fail";

fn class(node: &Node, is_root: bool) -> &'static str {
    match (&node.status, node.kind) {
        (Status::Running(_), _) if is_root => "root",
        (Status::Running(_), Kind::Application | Kind::Supervisor) => "supervisor",
        (Status::Running(_), Kind::Worker) => "worker",
        _ => "stopped",
    }
}

fn push_label(text: &mut String, node: &Node) {
    push_escaped(text, &node.title);
    let mailbox = (node.mailbox > 0).then(|| format!("mailbox {}", node.mailbox));
    let policy = node.policy.as_ref().map(|policy| policy.text());
    let state = node.state().map(str::to_owned);
    for line in [state, policy, node.history(), mailbox].into_iter().flatten() {
        text.push_str("<br/>");
        push_escaped(text, &line);
    }
}

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
