//! What a picture of a supervision tree says, in words: the model that every form of it is drawn from.

use super::words::{counted, one_line};

/// A supervision tree at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) caption: Option<String>,
    pub(crate) root: Node,
}

/// A process in its place below its supervisor.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The registered name, else the id that its supervisor knows it by, else its pid.
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    /// How a supervisor restarts its children.
    pub(crate) policy: Option<Policy>,
    /// How often its supervisor replaced it, and the pid of the one before.
    pub(crate) restarts: u32,
    pub(crate) previous: Option<String>,
    /// Messages that wait for it.
    pub(crate) mailbox: usize,
    pub(crate) children: Vec<Node>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The master of an application, above its first process.
    Application,
    Supervisor,
    Worker,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Under this pid.
    Running(String),
    Restarting,
    /// Never started, or ended and not to be restarted.
    Stopped,
    /// There is nothing, and these are the words for it.
    Missing(&'static str),
}

/// A strategy, and how much of its restart intensity is used up.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) strategy: String,
    pub(crate) used: u32,
    pub(crate) allowed: u32,
    pub(crate) window: String,
}

impl Node {
    pub(crate) fn new(title: &str, kind: Kind, status: Status) -> Node {
        Node {
            title: one_line(title),
            kind,
            status,
            policy: None,
            restarts: 0,
            previous: None,
            mailbox: 0,
            children: Vec::new(),
        }
    }

    /// The pid, or why there is none. Nothing where the title says it already.
    pub(crate) fn state(&self) -> Option<&str> {
        match &self.status {
            Status::Running(pid) if *pid == self.title => None,
            Status::Running(pid) => Some(pid),
            Status::Restarting => Some("restarting"),
            Status::Stopped if self.previous.is_some() => Some("stopped"),
            Status::Stopped => Some("not started"),
            Status::Missing(words) => Some(words),
        }
    }

    /// What a crash left behind: `↻ 1, was <0.214.0>`. Nothing for a process that was untouched.
    pub(crate) fn history(&self) -> Option<String> {
        match (&self.previous, self.restarts) {
            (None, 0) => None,
            (None, restarts) => Some(format!("↻ {restarts}")),
            (Some(previous), 0) => Some(format!("was {previous}")),
            (Some(previous), restarts) => Some(format!("↻ {restarts}, was {previous}")),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.status, Status::Running(_))
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
}

/// A node as [`Node::walk`] comes by.
pub(crate) struct Visit<'a> {
    pub(crate) node: &'a Node,
    /// Where the parent stands in the walk.
    pub(crate) parent: Option<usize>,
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

impl Tree {
    /// The tree in one sentence, for those who do not see the picture.
    pub(crate) fn summary(&self) -> String {
        let visits = self.root.walk();
        let count = |kind| visits.iter().filter(|visit| visit.node.kind == kind).count();
        let of = match self.root.kind {
            Kind::Application => "Tree of the application",
            Kind::Supervisor | Kind::Worker => "Supervision tree of",
        };
        let mut summary = format!(
            "{of} {}: {}, {}",
            self.root.title,
            counted(count(Kind::Supervisor), "supervisor"),
            counted(count(Kind::Worker), "worker"),
        );
        let notes = visits.iter().filter_map(|visit| {
            let node = visit.node;
            let state = node.state().filter(|_| !node.is_running()).map(str::to_owned);
            let times = (node.restarts > 0).then(|| format!("restarted {}", counted(node.restarts as usize, "time")));
            let previous = node.previous.as_ref().map(|pid| format!("was {pid}"));
            let said: Vec<String> = [state, times, previous].into_iter().flatten().collect();
            (!said.is_empty()).then(|| format!("{} {}", node.title, said.join(", ")))
        });
        for note in notes.take(MOST_NOTES) {
            summary.push_str("; ");
            summary.push_str(&note);
        }
        summary
    }
}

/// How many restarts are told one by one in a summary.
const MOST_NOTES: usize = 8;
