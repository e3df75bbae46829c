//! What a picture of a supervision tree says, in words: the model that every form of it is drawn from.

use std::collections::HashMap;

use super::fold;
use super::words::{counted, one_line, shortened};

/// A supervision tree at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) caption: Option<String>,
    pub(crate) root: Node,
    /// Processes that belong to nobody in the tree, and are linked to somebody.
    pub(crate) outside: Vec<Node>,
    /// What has changed in all, if it is compared with another tree.
    pub(crate) changes: Option<String>,
    pub(crate) show: Show,
}

/// What is drawn of what was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Show {
    pub(crate) tables: bool,
    pub(crate) links: bool,
    /// Each process for itself, however many are alike.
    pub(crate) unfolded: bool,
}

/// A process in its place below its supervisor, or something else that has a place there.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The registered name, else the label, else the id that its supervisor knows it by, else its pid.
    pub(crate) title: String,
    /// What its supervisor calls it.
    pub(crate) id: Option<String>,
    /// What runs in it, if that is known.
    pub(crate) module: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    /// How a supervisor restarts its children.
    pub(crate) policy: Option<Policy>,
    /// How often its supervisor replaced it, and the pid of the one before.
    pub(crate) restarts: u32,
    pub(crate) previous: Option<String>,
    /// How the one before came to its end.
    pub(crate) end: Option<End>,
    /// What has become of it since another tree was taken.
    pub(crate) change: Option<Change>,
    /// Messages that wait for it.
    pub(crate) mailbox: usize,
    /// The pids that it is linked to, without its supervisor and its children.
    pub(crate) links: Vec<String>,
    pub(crate) tables: Vec<Table>,
    pub(crate) children: Vec<Node>,
    /// Set when it stands for several that are alike.
    pub(crate) many: Option<Many>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The master of an application, above its first process.
    Application,
    Supervisor,
    Worker,
    /// A process that is linked to the one above it, and not supervised by it.
    Linked,
    /// A table, below its owner.
    Table,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Under this pid.
    Running(String),
    Restarting,
    /// It ended, and its supervisor has yet to hear of it.
    Ended,
    /// Never started, or ended and not to be restarted.
    Stopped,
    /// There is nothing, and these are the words for it.
    Missing(&'static str),
    /// It is no process, and these are the words for it.
    Thing(String),
}

/// A strategy, and how much of its restart intensity is used up.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) strategy: &'static str,
    pub(crate) used: u32,
    pub(crate) allowed: u32,
    pub(crate) window: String,
}

/// How a process came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// By a crash of its own, for this reason.
    Crash(String),
    /// In good order, for this reason.
    Orderly(String),
    /// It was stopped on account of this sibling.
    With(String),
}

/// What has become of a process since another tree was taken. What was replaced, and what ended, shows that by what it was
/// before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    New,
    /// It was there, and did not run.
    Started,
    /// It is not there any more.
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) size: usize,
}

/// What a node says of those that it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Many {
    pub(crate) count: usize,
    /// The first pid and the last one, if they run.
    pub(crate) pids: Option<[String; 2]>,
    /// Whether there were others before them.
    pub(crate) had_previous: bool,
}

/// A remark about a node, and how it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It was replaced.
    Changed,
    /// It crashed, or is gone.
    Bad,
    Good,
}

/// No reason is told in more columns.
const LONGEST_REASON: usize = 100;

impl Node {
    pub(crate) fn new(title: &str, kind: Kind, status: Status) -> Node {
        Node {
            title: one_line(title),
            id: None,
            module: None,
            kind,
            status,
            policy: None,
            restarts: 0,
            previous: None,
            end: None,
            change: None,
            mailbox: 0,
            links: Vec::new(),
            tables: Vec::new(),
            children: Vec::new(),
            many: None,
        }
    }

    /// The pid, or why there is none. Nothing where the title says it already.
    pub(crate) fn state(&self) -> Option<String> {
        if let Some(many) = &self.many {
            return match (&many.pids, &self.status) {
                (Some([first, last]), _) => Some(format!("{first} … {last}")),
                (None, Status::Thing(_)) => None,
                _ => self.idle_words(),
            };
        }
        match &self.status {
            Status::Running(pid) if *pid == self.title => None,
            Status::Running(pid) => Some(pid.clone()),
            _ => self.idle_words(),
        }
    }

    fn idle_words(&self) -> Option<String> {
        let words = match &self.status {
            Status::Running(_) => return None,
            Status::Restarting => "restarting",
            Status::Ended => "ended, not noticed yet",
            Status::Stopped if self.change == Some(Change::Gone) => "gone",
            Status::Stopped if self.had_previous() => "stopped",
            Status::Stopped => "not started",
            Status::Missing(words) => words,
            Status::Thing(words) => words,
        };
        Some(words.to_owned())
    }

    fn had_previous(&self) -> bool {
        self.previous.is_some() || self.many.as_ref().is_some_and(|many| many.had_previous)
    }

    /// What a crash left behind: `↻ 1, was <0.214.0>`. Nothing for a process that was untouched.
    pub(crate) fn history(&self) -> Option<String> {
        match (&self.previous, self.restarts) {
            (None, 0) if !self.had_previous() => None,
            (None, 0) if self.is_running() => Some("all replaced".to_owned()),
            (None, 0) => Some("ran before".to_owned()),
            (None, restarts) if self.many.is_some() => Some(format!("↻ {restarts} in all")),
            (None, restarts) => Some(format!("↻ {restarts}")),
            (Some(previous), 0) => Some(format!("was {previous}")),
            (Some(previous), restarts) => Some(format!("↻ {restarts}, was {previous}")),
        }
    }

    /// What has happened to it, and how.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let tone = match self.status {
            Status::Stopped | Status::Ended => Tone::Bad,
            _ => Tone::Changed,
        };
        let change = match self.change {
            Some(Change::New) => Some("new"),
            Some(Change::Started) => Some("started"),
            Some(Change::Gone) | None => None,
        };
        let change = change.map(|text| Mark {
            text: text.to_owned(),
            tone: Tone::Good,
        });
        let history = self.history().map(|text| Mark { text, tone });
        let end = self.end.as_ref().filter(|_| history.is_some()).map(|end| Mark {
            text: end.text(),
            tone: match end {
                End::Crash(_) => Tone::Bad,
                _ => tone,
            },
        });
        change.into_iter().chain(history).chain(end).collect()
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status, Status::Running(_))
    }

    pub(crate) fn pid(&self) -> Option<&str> {
        match &self.status {
            Status::Running(pid) if self.many.is_none() => Some(pid),
            _ => None,
        }
    }

    pub(crate) fn mailbox_words(&self) -> Option<String> {
        (self.mailbox > 0).then(|| match self.many {
            Some(_) => format!("mailboxes {}", self.mailbox),
            None => format!("mailbox {}", self.mailbox),
        })
    }

    /// The node and all below it, each before its children, with the index of its parent.
    pub(crate) fn walk(&self) -> Vec<Visit<'_>> {
        let mut visits = Vec::new();
        let mut pending = vec![(self, None)];
        while let Some((node, parent)) = pending.pop() {
            let index = visits.len();
            visits.push(Visit { node, parent });
            pending.extend(node.children.iter().rev().map(|child| (child, Some(index))));
        }
        visits
    }

    /// Calls `change` with the node and with all below it.
    pub(crate) fn for_each_mut(&mut self, change: &mut dyn FnMut(&mut Node)) {
        let mut pending = vec![self];
        while let Some(node) = pending.pop() {
            change(node);
            pending.extend(&mut node.children);
        }
    }
}

/// A node as [`Node::walk`] comes by.
pub(crate) struct Visit<'a> {
    pub(crate) node: &'a Node,
    /// Where the parent stands in the walk.
    pub(crate) parent: Option<usize>,
}

/// The links between nodes of a walk, each once, without those that are there because one is drawn below the other.
pub(crate) fn links(visits: &[Visit<'_>]) -> Vec<(usize, usize)> {
    if visits.iter().all(|visit| visit.node.links.is_empty()) {
        return Vec::new();
    }
    let pids = visits.iter().enumerate();
    let places: HashMap<&str, usize> = pids.filter_map(|(n, visit)| Some((visit.node.pid()?, n))).collect();
    let mut links: Vec<(usize, usize)> = Vec::new();
    for (from, visit) in visits.iter().enumerate() {
        let ends = visit.node.links.iter().filter_map(|pid| places.get(pid.as_str()));
        links.extend(ends.map(|to| (from.min(*to), from.max(*to))));
    }
    links.sort_unstable();
    links.dedup();
    links.retain(|(first, second)| visits[*second].parent != Some(*first));
    links
}

impl Policy {
    /// `one_for_one · 1/3 in 5 s`
    pub(crate) fn text(&self) -> String {
        let Policy {
            strategy,
            used,
            allowed,
            window,
        } = self;
        format!("{strategy} · {used}/{allowed} in {window}")
    }
}

impl End {
    pub(crate) fn crash(reason: &str) -> End {
        End::Crash(shortened(&one_line(reason), LONGEST_REASON).into_owned())
    }

    pub(crate) fn orderly(reason: &str) -> End {
        End::Orderly(shortened(&one_line(reason), LONGEST_REASON).into_owned())
    }

    /// `died: boom`
    pub(crate) fn text(&self) -> String {
        match self {
            End::Crash(reason) => format!("died: {reason}"),
            End::Orderly(reason) => format!("ended: {reason}"),
            End::With(sibling) => format!("with {sibling}"),
        }
    }
}

impl Tree {
    pub(crate) fn new(root: Node) -> Tree {
        Tree {
            caption: None,
            root,
            outside: Vec::new(),
            changes: None,
            show: Show::default(),
        }
    }

    /// The tree as it is drawn: with all that has a place in the drawing, and without what is left out of it.
    pub(crate) fn drawn(&self) -> Node {
        let mut root = self.root.clone();
        match self.show.links {
            true => self.place_outside(&mut root),
            false => root.for_each_mut(&mut |node| node.links.clear()),
        }
        if self.show.tables {
            root.for_each_mut(&mut |node| {
                let tables = std::mem::take(&mut node.tables);
                node.children.extend(tables.iter().map(Table::node));
            });
        }
        if !self.show.unfolded {
            fold::fold(&mut root);
        }
        root
    }

    /// A process outside of the tree stands below the first one that is linked to it.
    fn place_outside(&self, root: &mut Node) {
        let mut left: HashMap<&str, &Node> = self
            .outside
            .iter()
            .filter_map(|node| Some((node.pid()?, node)))
            .collect();
        // Parents come before their children, and siblings in their order.
        let mut pending = vec![root];
        while let Some(node) = pending.pop() {
            let here = node.links.iter().filter_map(|pid| left.remove(pid.as_str()));
            let here: Vec<Node> = here.cloned().collect();
            node.children.extend(here);
            pending.extend(node.children.iter_mut().rev());
        }
    }

    /// The tree in one sentence, for those who do not see the picture.
    pub(crate) fn summary(&self) -> String {
        let visits = self.root.walk();
        let count = |kind| visits.iter().filter(|visit| visit.node.kind == kind).count();
        let of = match self.root.kind {
            Kind::Application => "Tree of the application",
            _ => "Supervision tree of",
        };
        let mut summary = format!(
            "{of} {}: {}, {}",
            self.root.title,
            counted(count(Kind::Supervisor), "supervisor"),
            counted(count(Kind::Worker), "worker"),
        );
        let notes = visits.iter().filter_map(|visit| {
            let node = visit.node;
            let is_calm = node.is_running() && node.change.is_none() && node.restarts == 0 && node.previous.is_none();
            if is_calm {
                return None;
            }
            let state = node.state().filter(|_| !node.is_running());
            let change = (node.change == Some(Change::New)).then(|| "is new".to_owned());
            let times = (node.restarts > 0).then(|| format!("restarted {}", counted(node.restarts as usize, "time")));
            let previous = node.previous.as_ref().map(|pid| format!("was {pid}"));
            let end = node.end.as_ref().filter(|_| node.history().is_some()).map(End::text);
            let said: Vec<String> = [change, state, times, previous, end].into_iter().flatten().collect();
            (!said.is_empty()).then(|| format!("{} {}", node.title, said.join(", ")))
        });
        let notes: Vec<String> = notes.collect();
        for note in notes.iter().take(MOST_NOTES) {
            summary.push_str("; ");
            summary.push_str(note);
        }
        if let Some(more @ 1..) = notes.len().checked_sub(MOST_NOTES) {
            summary.push_str(&format!("; and {more} more that changed"));
        }
        summary
    }
}

impl Table {
    fn node(&self) -> Node {
        let words = format!("{} · {}", self.kind, counted(self.size, "object"));
        Node::new(&self.name, Kind::Table, Status::Thing(words))
    }
}

/// How many restarts are told one by one in a summary.
const MOST_NOTES: usize = 8;
