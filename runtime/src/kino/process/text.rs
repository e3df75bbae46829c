//! The tree in letters.

use super::tree::{Kind, Node, Tree};

/// One line per process, below its supervisor.
pub(crate) fn draw(tree: &Tree) -> String {
    let mut text = String::new();
    if let Some(caption) = &tree.caption {
        text.push_str(caption);
        text.push('\n');
    }
    describe(&mut text, &tree.root);
    // For each depth the line that leads past it to the later children: `│` until the last one is drawn.
    let mut lines: Vec<&str> = Vec::new();
    let mut pending: Vec<(&Node, usize, bool)> = Vec::new();
    push_children(&mut pending, &tree.root, 0);
    while let Some((node, depth, is_last)) = pending.pop() {
        text.push('\n');
        lines.truncate(depth);
        lines.iter().for_each(|line| text.push_str(line));
        text.push_str(if is_last { "└── " } else { "├── " });
        lines.push(if is_last { "    " } else { "│   " });
        describe(&mut text, node);
        push_children(&mut pending, node, depth + 1);
    }
    text
}

fn push_children<'a>(pending: &mut Vec<(&'a Node, usize, bool)>, node: &'a Node, depth: usize) {
    let children = node.children.iter().enumerate().rev();
    pending.extend(children.map(|(n, child)| (child, depth, n + 1 == node.children.len())));
}

/// `dummy2 <0.215.0>  ↻ 1, was <0.214.0>  mailbox 3`
fn describe(text: &mut String, node: &Node) {
    text.push_str(&node.title);
    let separator = if node.is_running() { " " } else { "  " };
    if let Some(state) = node.state() {
        text.push_str(separator);
        text.push_str(state);
    }
    let mailbox = (node.mailbox > 0).then(|| format!("mailbox {}", node.mailbox));
    let policy = node.policy.as_ref().map(|policy| policy.text());
    for remark in [policy, node.history(), mailbox].into_iter().flatten() {
        text.push_str("  ");
        text.push_str(&remark);
    }
    if node.kind == Kind::Supervisor && node.is_running() && node.children.is_empty() {
        text.push_str("  no children");
    }
}
