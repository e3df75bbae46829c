//! From what is seen of processes to what is drawn of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::tree::{End, Kind, Node, Policy, Status, Table};
use super::words::one_line;
use crate::application::Presence;
use crate::destination::Target;
use crate::name::Name;
use crate::node::node;
use crate::reason::ExitReason;
use crate::supervisor::{self, ChildEnd, ChildKind, ChildSnapshot, ChildStatus, Snapshot, Strategy};
use crate::{Destination, Pid, ets};

/// What a tree is of.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Supervisor(Target),
    Application(String),
}

/// What was seen at one moment.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) root: Node,
    /// Processes that do not belong to the tree, and are linked to one that does.
    pub(super) outside: Vec<Node>,
    /// The process whose end is that of the tree, if there is one.
    pub(super) pid: Option<Pid>,
    /// After how much time without a restart a supervisor has more of them left again, if any has used one.
    pub(super) calm: Option<Duration>,
}

impl Subject {
    pub(super) fn look(&self) -> Seen {
        self.capture(&supervisor::snapshot)
    }

    /// Like [`look`](Subject::look); and has `onlooker` notified when something becomes of a child.
    pub(super) fn watch(&self, onlooker: &Arc<Notify>) -> Seen {
        self.capture(&|pid: Pid| supervisor::watched(pid, onlooker))
    }

    fn capture(&self, snapshot: &dyn Fn(Pid) -> Option<Snapshot>) -> Seen {
        let mut capture = Capture {
            snapshot,
            known: HashSet::new(),
            linked: BTreeSet::new(),
            calm: None,
        };
        let (pid, root) = match self {
            Subject::Supervisor(target) => capture.supervisor(target),
            Subject::Application(name) => capture.application(name),
        };
        let strangers = capture.linked.iter().filter(|pid| !capture.known.contains(*pid));
        let outside = strangers.filter_map(|pid| living(*pid, Kind::Linked)).collect();
        Seen {
            root,
            outside,
            pid,
            calm: capture.calm,
        }
    }
}

impl Seen {
    /// The tree came to its end: none of its processes runs any more. `last` is what became of the children of the
    /// supervisor at the top, as far as it was known.
    pub(super) fn end(&mut self, reason: &ExitReason, last: Vec<ChildSnapshot>) {
        self.outside.clear();
        self.calm = None;
        let top = self.pid.map(|pid| pid.to_string());
        let is_idle = |child: &ChildSnapshot| !matches!(child.status, ChildStatus::Running(_));
        let mut last: HashMap<String, ChildSnapshot> = last
            .into_iter()
            .filter(is_idle)
            .map(|child| (child.id.to_string(), child))
            .collect();
        self.root.for_each_mut(&mut |node| {
            if let Status::Running(pid) = &node.status {
                node.end = (Some(pid) == top.as_ref()).then(|| end_of(reason));
                node.restarts = 0;
                node.previous = Some(pid.clone());
                if node.previous == top {
                    for child in &mut node.children {
                        let last = child.id.as_ref().and_then(|id| last.remove(id));
                        if let Some(last) = last {
                            child.status = Status::Stopped;
                            child.restarts = last.restarts;
                            child.previous = last.previous.map(|pid| pid.to_string());
                            child.end = last.ended.and_then(end_of_child);
                        }
                    }
                }
            }
            node.status = Status::Stopped;
            node.mailbox = 0;
            node.links.clear();
            node.tables.clear();
        });
    }
}

/// A walk through a tree.
struct Capture<'a> {
    snapshot: &'a dyn Fn(Pid) -> Option<Snapshot>,
    /// The processes of the tree.
    known: HashSet<Pid>,
    linked: BTreeSet<Pid>,
    calm: Option<Duration>,
}

impl Capture<'_> {
    fn supervisor(&mut self, target: &Target) -> (Option<Pid>, Node) {
        let missing = |title: &str| Node::new(title, Kind::Supervisor, Status::Missing("no such supervisor"));
        let pid = match target.resolve() {
            Ok(pid) => pid,
            Err(unknown) => return (None, missing(unknown.0.as_str())),
        };
        match (self.snapshot)(pid) {
            Some(snapshot) => (Some(pid), self.root(snapshot)),
            None => (None, missing(&pid.to_string())),
        }
    }

    fn application(&mut self, name: &str) -> (Option<Pid>, Node) {
        let missing = |words| (None, Node::new(name, Kind::Application, Status::Missing(words)));
        let tree = match node().applications.presence(name) {
            Presence::Running(tree) => tree,
            Presence::Library => return missing("a library, without processes"),
            Presence::NotStarted => return missing("not started"),
            Presence::NotLoaded => return missing("no such application"),
        };
        self.known.insert(tree.master);
        let master = Node {
            children: vec![self.process(tree.root)],
            ..Node::new(name, Kind::Application, Status::Running(tree.master.to_string()))
        };
        (Some(tree.root), master)
    }

    /// Any process, with what is below it if it is a supervisor.
    fn process(&mut self, pid: Pid) -> Node {
        if let Some(snapshot) = (self.snapshot)(pid) {
            return self.root(snapshot);
        }
        self.known.insert(pid);
        living(pid, Kind::Worker).unwrap_or_else(|| Node::new(&pid.to_string(), Kind::Worker, Status::Stopped))
    }

    fn root(&mut self, snapshot: Snapshot) -> Node {
        self.known.insert(snapshot.pid);
        let pid = snapshot.pid.to_string();
        let title = title([&snapshot.name, &snapshot.label], &pid);
        let node = Node {
            mailbox: snapshot.mailbox,
            tables: tables(&snapshot.tables),
            ..Node::new(&title, Kind::Supervisor, Status::Running(pid))
        };
        self.supervising(node, snapshot)
    }

    /// Adds to the node of a supervisor what only supervisors have.
    fn supervising(&mut self, node: Node, snapshot: Snapshot) -> Node {
        let supervisor = snapshot.pid;
        let children = snapshot.children.into_iter();
        let mut children: Vec<Node> = children.map(|child| self.child(child, supervisor)).collect();
        name_siblings(&mut children);
        if snapshot.restarts_in_window > 0 {
            let window = snapshot.max_seconds;
            self.calm = Some(self.calm.map_or(window, |calm| calm.min(window)));
        }
        Node {
            policy: Some(Policy {
                strategy: strategy_name(snapshot.strategy),
                used: snapshot.restarts_in_window,
                allowed: snapshot.max_restarts,
                window: duration(snapshot.max_seconds),
            }),
            children,
            ..node
        }
    }

    fn child(&mut self, snapshot: ChildSnapshot, supervisor: Pid) -> Node {
        let kind = match snapshot.kind {
            ChildKind::Supervisor => Kind::Supervisor,
            ChildKind::Worker => Kind::Worker,
        };
        let mut previous = snapshot.previous;
        let status = match snapshot.status {
            ChildStatus::Running(pid) => {
                self.known.insert(pid);
                Status::Running(pid.to_string())
            }
            ChildStatus::Ended(pid) => {
                previous = Some(pid);
                Status::Ended
            }
            ChildStatus::Restarting => Status::Restarting,
            ChildStatus::NotStarted => Status::Stopped,
        };
        let end = snapshot.ended.filter(|_| status != Status::Ended);
        let mut node = Node {
            id: Some(one_line(snapshot.id.as_str())),
            module: snapshot.module.as_ref().map(|module| one_line(module.as_str())),
            restarts: snapshot.restarts,
            previous: previous.map(|pid| pid.to_string()),
            end: end.and_then(end_of_child),
            mailbox: snapshot.mailbox,
            tables: tables(&snapshot.tables),
            ..Node::new(
                &title([&snapshot.name, &snapshot.label], snapshot.id.as_str()),
                kind,
                status,
            )
        };
        match snapshot.tree {
            // The links of a supervisor are those of its children.
            Some(tree) => self.supervising(node, *tree),
            None => {
                let links = snapshot.links.iter().filter(|pid| **pid != supervisor);
                let links: Vec<Pid> = links.copied().collect();
                node.links = links.iter().map(Pid::to_string).collect();
                self.linked.extend(links);
                node
            }
        }
    }
}

/// Those whom others were stopped with are called as they are in the picture.
fn name_siblings(children: &mut [Node]) {
    let with = |node: &Node| match &node.end {
        Some(End::With(sibling)) => Some(sibling.clone()),
        _ => None,
    };
    let siblings: HashSet<String> = children.iter().filter_map(with).collect();
    for sibling in siblings {
        let found = children.iter().find(|child| child.id.as_ref() == Some(&sibling));
        let Some(title) = found.map(|child| child.title.clone()).filter(|title| *title != sibling) else {
            continue;
        };
        for child in children
            .iter_mut()
            .filter(|child| with(child).as_ref() == Some(&sibling))
        {
            child.end = Some(End::With(title.clone()));
        }
    }
}

/// A process as it is now; `None` when it is not alive.
fn living(pid: Pid, kind: Kind) -> Option<Node> {
    let (name, label, mailbox) = node().table.get(pid)?.update(pid, |state| {
        let label = state.extras().and_then(|extras| extras.label.clone());
        (state.name().cloned(), label, state.inbox.len())
    })?;
    let text = pid.to_string();
    let title = title([&name, &label], &text);
    Some(Node {
        mailbox,
        ..Node::new(&title, kind, Status::Running(text))
    })
}

fn title(names: [&Option<Name>; 2], otherwise: &str) -> String {
    let name = names.into_iter().flatten().next();
    name.map_or(otherwise, |name| name.as_str()).to_owned()
}

/// That it was stopped because it was asked to be is no more than its state says.
fn end_of_child(end: ChildEnd) -> Option<End> {
    match end {
        ChildEnd::ByItself(reason) => Some(end_of(&reason)),
        ChildEnd::With(sibling) => Some(End::With(one_line(sibling.as_str()))),
        ChildEnd::Stopped => None,
    }
}

fn end_of(reason: &ExitReason) -> End {
    match reason {
        // Where it panicked is in the report.
        ExitReason::Panic(panic) => End::crash(&panic.message),
        reason if reason.is_orderly() => End::orderly(&reason.to_string()),
        reason => End::crash(&reason.to_string()),
    }
}

fn tables(tables: &[ets::Info]) -> Vec<Table> {
    let table = |info: &ets::Info| Table {
        name: one_line(info.name.as_str()),
        kind: match info.kind {
            ets::Kind::Set => "set",
            ets::Kind::OrderedSet => "ordered_set",
            ets::Kind::Bag => "bag",
            ets::Kind::DuplicateBag => "duplicate_bag",
        },
        size: info.size,
    };
    tables.iter().map(table).collect()
}

fn strategy_name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
    }
}

fn duration(window: Duration) -> String {
    match (window.as_secs(), window.subsec_millis()) {
        (seconds, 0) => format!("{seconds} s"),
        (0, milliseconds) => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", window.as_secs_f64()),
    }
}
