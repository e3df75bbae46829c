//! The tree in letters.

use super::tree::{Kind, Node, Tree, links};
use crate::golden::Aliases;

/// One line per process, below its supervisor.
pub(crate) fn draw(tree: &Tree) -> String {
    lines(tree, true)
}

/// The same without the pids of processes that run, and with aliases for others: the text is the same in each run.
pub(crate) fn outline(tree: &Tree) -> String {
    Aliases::default().within(&lines(tree, false))
}

fn lines(tree: &Tree, with_pids: bool) -> String {
    let root = tree.drawn();
    let linked = linked(&root);
    let mut linked = linked.iter().map(Vec::as_slice);
    let mut describe = |text: &mut String, node: &Node| {
        // The nodes come in the order of the walk.
        describe(text, node, with_pids, linked.next().unwrap_or_default());
    };
    let mut text = String::new();
    if let Some(caption) = &tree.caption {
        text.push_str(caption);
        text.push('\n');
    }
    describe(&mut text, &root);
    // For each depth the line that leads past it to the later children: `│` until the last one is drawn.
    let mut lines: Vec<&str> = Vec::new();
    let mut pending: Vec<(&Node, usize, bool)> = Vec::new();
    push_children(&mut pending, &root, 0);
    while let Some((node, depth, is_last)) = pending.pop() {
        text.push('\n');
        lines.truncate(depth);
        lines.iter().for_each(|line| text.push_str(line));
        text.push_str(if is_last { "└── " } else { "├── " });
        lines.push(if is_last { "    " } else { "│   " });
        describe(&mut text, node);
        push_children(&mut pending, node, depth + 1);
    }
    if let Some(changes) = &tree.changes {
        text.push('\n');
        text.push_str(changes);
    }
    text
}

fn push_children<'a>(pending: &mut Vec<(&'a Node, usize, bool)>, node: &'a Node, depth: usize) {
    let children = node.children.iter().enumerate().rev();
    pending.extend(children.map(|(n, child)| (child, depth, n + 1 == node.children.len())));
}

/// For each node, in the order of the walk, whom it is linked to; each link is told once.
fn linked(root: &Node) -> Vec<Vec<String>> {
    let visits = root.walk();
    let mut linked: Vec<Vec<String>> = vec![Vec::new(); visits.len()];
    for (first, second) in links(&visits) {
        linked[first].push(visits[second].node.title.clone());
    }
    linked
}

/// `dummy2 <0.215.0>  ↻ 1, was <0.214.0>  died: boom  mailbox 3`
fn describe(text: &mut String, node: &Node, with_pids: bool, linked: &[String]) {
    match node.kind {
        Kind::Table => {
            text.push('[');
            text.push_str(&node.title);
            text.push(']');
        }
        _ => text.push_str(&node.title),
    }
    let separator = if node.is_running() { " " } else { "  " };
    if let Some(state) = node.state().filter(|_| with_pids || !node.is_running()) {
        text.push_str(separator);
        text.push_str(&state);
    }
    let is_linked = (node.kind == Kind::Linked).then(|| "linked".to_owned());
    let policy = node.policy.as_ref().map(|policy| policy.text());
    let marks = node.marks().into_iter().map(|mark| mark.text);
    let remarks = is_linked
        .into_iter()
        .chain(policy)
        .chain(marks)
        .chain(node.mailbox_words());
    for remark in remarks {
        text.push_str("  ");
        text.push_str(&remark);
    }
    if !linked.is_empty() {
        text.push_str("  linked to ");
        text.push_str(&linked.join(", "));
    }
    if node.kind == Kind::Supervisor && node.is_running() && node.children.is_empty() {
        text.push_str("  no children");
    }
}
