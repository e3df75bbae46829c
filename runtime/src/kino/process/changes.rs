//! What has changed between two trees.

use std::collections::HashMap;

use super::tree::{Change, Node, Status};

/// Marks in `now` what has changed since `before`, and forgets what happened earlier. Says in words how much that is.
pub(crate) fn mark(now: &mut Node, before: &Node) -> String {
    let mut tally = Tally::default();
    let mut pending = vec![(now, before)];
    while let Some((node, before)) = pending.pop() {
        compare(node, before, &mut tally);
        let (were, gone) = pair(&node.children, &before.children);
        tally.gone += gone.len();
        node.children.extend(gone.into_iter().map(ghost));
        // Those that are gone come last, and have no counterpart.
        for (child, was) in node.children.iter_mut().zip(were) {
            match was {
                Some(was) => pending.push((child, was)),
                None => child.for_each_mut(&mut |node| {
                    forget(node);
                    node.change = Some(Change::New);
                    tally.new += 1;
                }),
            }
        }
    }
    tally.words()
}

#[derive(Default)]
struct Tally {
    replaced: usize,
    started: usize,
    new: usize,
    ended: usize,
    gone: usize,
    untouched: usize,
}

impl Tally {
    fn words(&self) -> String {
        let counts = [
            (self.replaced, "replaced"),
            (self.started, "started"),
            (self.new, "new"),
            (self.ended, "ended"),
            (self.gone, "gone"),
            (self.untouched, "untouched"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
        format!("since then: {}", told.join(", "))
    }
}

fn compare(node: &mut Node, before: &Node, tally: &mut Tally) {
    let restarts = node.restarts.saturating_sub(before.restarts);
    match (&node.status, &before.status) {
        (Status::Running(now), Status::Running(then)) if now == then => {
            forget(node);
            tally.untouched += 1;
        }
        (Status::Running(_), Status::Running(then)) => {
            node.previous = Some(then.clone());
            node.restarts = restarts;
            tally.replaced += 1;
        }
        (Status::Running(_), _) => {
            // It was about to be restarted, or somebody has started it.
            match (&before.previous, restarts) {
                (Some(previous), 1..) => {
                    node.previous = Some(previous.clone());
                    node.restarts = restarts;
                    tally.replaced += 1;
                }
                _ => {
                    forget(node);
                    node.change = Some(Change::Started);
                    tally.started += 1;
                }
            }
        }
        (_, Status::Running(then)) => {
            node.previous = Some(then.clone());
            node.restarts = restarts;
            tally.ended += 1;
        }
        _ => tally.untouched += 1,
    }
}

fn forget(node: &mut Node) {
    node.restarts = 0;
    node.previous = None;
    node.end = None;
}

/// What is left of a child that is not there any more.
fn ghost(before: &Node) -> Node {
    Node {
        id: before.id.clone(),
        previous: before.pid().map(str::to_owned),
        change: Some(Change::Gone),
        ..Node::new(&before.title, before.kind, Status::Stopped)
    }
}

/// What each child was before, and those of before that are gone. A child is the same if it has the same process, or has
/// replaced it, or is the only one that is called the same.
fn pair<'a>(now: &[Node], before: &'a [Node]) -> (Vec<Option<&'a Node>>, Vec<&'a Node>) {
    let mut left: Vec<Option<&Node>> = before.iter().map(Some).collect();
    let pids = before.iter().enumerate();
    let pids: HashMap<&str, usize> = pids.filter_map(|(n, node)| Some((node.pid()?, n))).collect();
    // Children of a dynamic supervisor are often all called the same, and then it says nothing.
    let mut by_name: HashMap<&str, Option<usize>> = HashMap::new();
    for (n, node) in before.iter().enumerate() {
        let only = by_name.entry(name_of(node)).or_insert(Some(n));
        *only = only.filter(|only| *only == n);
    }

    let mut found: Vec<Option<&Node>> = Vec::with_capacity(now.len());
    for node in now.iter() {
        let same = node.pid().and_then(|pid| pids.get(pid));
        let replaced = || pids.get(node.previous.as_deref()?);
        let place = same.or_else(replaced);
        found.push(place.and_then(|place| left[*place].take()));
    }
    for (node, found) in now.iter().zip(&mut found) {
        if found.is_none()
            && let Some(Some(place)) = by_name.get(name_of(node))
        {
            *found = left[*place].take();
        }
    }
    (found, left.into_iter().flatten().collect())
}

fn name_of(node: &Node) -> &str {
    node.id.as_deref().unwrap_or(&node.title)
}
