//! Many that are alike are drawn as one.
//!
//! Alike are siblings that look the same but for their pids and the numbers in their names: the same kind of process in the
//! same state, with the same past, over the same children. Whatever stands out stays outside: one that crashed among a
//! thousand is drawn for itself.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use super::tree::{End, Kind, Many, Node, Status};

/// So many siblings that are alike are drawn one by one.
const MOST_ALIKE: usize = 12;

/// So many siblings are drawn one by one when they are alike but for their names.
const MOST_NAMES: usize = 100;

/// A mailbox with so many messages stands out.
pub(crate) const FULL: usize = 100;

/// Folds all that is below the node.
pub(crate) fn fold(node: &mut Node) {
    let whole = std::mem::replace(node, Node::new("", Kind::Worker, Status::Stopped));
    *node = Folded::of(whole).into_node();
}

/// A node in the course of folding, with its children beside it.
struct Folded {
    node: Node,
    children: Vec<Folded>,
    shape: Shape,
    /// For how many it stands.
    count: usize,
    titles: Titles,
}

/// What a node looks like: equal numbers, equal looks.
#[derive(Clone, Copy)]
struct Shape {
    /// With its name, numbers apart.
    named: u64,
    nameless: u64,
}

/// What the titles have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Titles {
    /// All are that of the first one.
    Same,
    /// Only numbers differ.
    Numbered,
    Different,
}

type Key = fn(&Shape) -> u64;

const NAMED: Key = |shape| shape.named;
const NAMELESS: Key = |shape| shape.nameless;

impl Folded {
    fn of(mut node: Node) -> Folded {
        let children = std::mem::take(&mut node.children);
        let mut children: Vec<Folded> = children.into_iter().map(Folded::of).collect();
        children = gather(children, NAMED);
        if children.len() > MOST_NAMES {
            children = gather(children, NAMELESS);
        }
        let look = look(&node);
        Folded {
            shape: Shape {
                named: hash(&(stem_hash(&node.title), look, run_keys(&children, NAMED))),
                nameless: hash(&(look, run_keys(&children, NAMELESS))),
            },
            node,
            children,
            count: 1,
            titles: Titles::Same,
        }
    }

    /// One node for several that are alike, over one child for each kind that they have.
    fn merge(members: Vec<Folded>, key: Key) -> Folded {
        let count = members.iter().map(|member| member.count).sum();
        let pid_of = |member: &Folded, last: usize| match &member.node.many {
            Some(many) => many.pids.as_ref().map(|pids| pids[last].clone()),
            None => member.node.pid().map(str::to_owned),
        };
        let first_pid = members.first().and_then(|member| pid_of(member, 0));
        let last_pid = members.last().and_then(|member| pid_of(member, 1));
        let titles = match members.first() {
            Some(first) => members.iter().map(|member| member.titles.with(first, member)).max(),
            None => None,
        };
        let restarts = members.iter().map(|member| member.node.restarts).sum();
        let mailbox = members.iter().map(|member| member.node.mailbox).sum();
        let used = members
            .iter()
            .filter_map(|member| Some(member.node.policy.as_ref()?.used));
        let used = used.max().unwrap_or(0);

        let mut kinds: Vec<Vec<Folded>> = Vec::new();
        let mut first: Option<Node> = None;
        let mut shape = None;
        for member in members {
            for (n, run) in runs(member.children, key).into_iter().enumerate() {
                match kinds.get_mut(n) {
                    Some(kind) => kind.extend(run),
                    None => kinds.push(run),
                }
            }
            shape.get_or_insert(member.shape);
            first.get_or_insert(member.node);
        }
        let (Some(node), Some(shape)) = (first, shape) else {
            unreachable!("nobody folds nothing");
        };
        let had_previous = node.previous.is_some() || node.many.as_ref().is_some_and(|many| many.had_previous);
        let policy = node.policy.clone().map(|policy| super::tree::Policy { used, ..policy });
        Folded {
            node: Node {
                restarts,
                mailbox,
                policy,
                previous: None,
                many: Some(Many {
                    count,
                    pids: first_pid.zip(last_pid).map(|(first, last)| [first, last]),
                    had_previous,
                }),
                ..node
            },
            children: kinds.into_iter().map(|kind| Folded::merge(kind, key)).collect(),
            shape,
            count,
            titles: titles.unwrap_or(Titles::Same),
        }
    }

    fn into_node(self) -> Node {
        let mut node = self.node;
        if let Some(many) = &node.many {
            let name = match self.titles {
                Titles::Same => Some(node.title.as_str()),
                Titles::Numbered => before_the_number(&node.title),
                Titles::Different => None,
            };
            let id = node.id.as_deref().and_then(before_the_number);
            let id = id.filter(|_| self.titles != Titles::Different);
            let name = name.or(node.module.as_deref()).or(id).unwrap_or(match node.kind {
                Kind::Application => "application",
                Kind::Supervisor => "supervisor",
                Kind::Worker => "worker",
                Kind::Linked => "process",
                Kind::Table => "table",
            });
            node.title = format!("{name} × {}", many.count);
        }
        node.children = self.children.into_iter().map(Folded::into_node).collect();
        node
    }
}

impl Titles {
    /// What is common to `first` and to `member`, whose own ones have this in common.
    fn with(self, first: &Folded, member: &Folded) -> Titles {
        let (first, member) = (&first.node.title, &member.node.title);
        self.max(if first == member {
            Titles::Same
        } else if stem_hash(first) == stem_hash(member) {
            Titles::Numbered
        } else {
            Titles::Different
        })
    }
}

/// Merges those of which there are too many of one kind, at the place of the first.
fn gather(siblings: Vec<Folded>, key: Key) -> Vec<Folded> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for sibling in &siblings {
        *counts.entry(key(&sibling.shape)).or_default() += 1;
    }
    counts.retain(|_, count| *count > MOST_ALIKE);
    if counts.is_empty() {
        return siblings;
    }
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut groups: Vec<Vec<Folded>> = Vec::new();
    for sibling in siblings {
        let kind = key(&sibling.shape);
        match places.get(&kind) {
            Some(place) => groups[*place].push(sibling),
            None => {
                if counts.contains_key(&kind) {
                    places.insert(kind, groups.len());
                }
                groups.push(vec![sibling]);
            }
        }
    }
    let merged = groups.into_iter().flat_map(|mut group| match group.len() {
        1 => group.pop(),
        _ => Some(Folded::merge(group, key)),
    });
    merged.collect()
}

/// Neighbours that are alike, together.
fn runs(children: Vec<Folded>, key: Key) -> Vec<Vec<Folded>> {
    let mut runs: Vec<Vec<Folded>> = Vec::new();
    for child in children {
        match runs.last_mut() {
            Some(run) if key(&run[0].shape) == key(&child.shape) => run.push(child),
            _ => runs.push(vec![child]),
        }
    }
    runs
}

/// A few more or less of the same do not make another look.
fn run_keys(children: &[Folded], key: Key) -> Vec<u64> {
    let mut keys: Vec<u64> = children.iter().map(|child| key(&child.shape)).collect();
    keys.dedup();
    keys
}

/// What there is to see of a node, apart from its names, its numbers and what is below it.
fn look(node: &Node) -> u64 {
    let Node {
        module,
        kind,
        status,
        policy,
        restarts,
        previous,
        end,
        change,
        mailbox,
        links,
        ..
    } = node;
    let policy = policy.as_ref();
    let policy = policy.map(|policy| (policy.strategy, policy.allowed, &policy.window, policy.used > 0));
    let end = end.as_ref().filter(|_| previous.is_some()).map(|end| match end {
        End::Crash(text) | End::Orderly(text) | End::With(text) => (discriminant(end), stem_hash(text)),
    });
    let past = (*restarts > 0, previous.is_some(), end, change);
    hash(&(
        module,
        kind,
        discriminant(status),
        policy,
        past,
        *mailbox >= FULL,
        links,
    ))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Equal for texts in which only numbers differ.
fn stem_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in text
        .split(|letter: char| letter.is_ascii_digit())
        .filter(|part| !part.is_empty())
    {
        part.hash(&mut hasher);
    }
    hasher.finish()
}

/// `worker` of `worker_17`, if there are words before the number.
fn before_the_number(text: &str) -> Option<&str> {
    let name = text.split(|letter: char| letter.is_ascii_digit()).next()?;
    let name = name.trim_end_matches(|letter: char| !letter.is_alphanumeric());
    (!name.is_empty()).then_some(name)
}
