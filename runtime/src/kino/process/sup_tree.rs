//! The tree below a supervisor, as it was at one moment.

use std::fmt;
use std::time::Duration;

use super::layout::Direction;
use super::tree::{Kind, Node, Policy, Status, Tree};
use super::words::one_line;
use super::{mermaid, svg, text};
use crate::application::Presence;
use crate::kino::{Bundle, Render};
use crate::node::node;
use crate::supervisor::{self, ChildKind, ChildSnapshot, ChildStatus, Snapshot, Strategy, SupervisorRef};
use crate::{Destination, NoSuchName, Pid};

/// Takes a picture of the processes below a supervisor, which may be given as a [`SupervisorRef`], by pid or by name.
///
/// The tree is what it was at the time of the call, all of it at one moment. It shows each process under its registered
/// name, or else the id that its supervisor knows it by, with its pid; for supervisors their strategy, and how many
/// restarts of their intensity are used up. What a crash has replaced stands out, with the pid of the process that was
/// there before; so do processes that are not running, and those that have messages waiting.
///
/// As the last value of a cell it is shown as a picture. Printed, it is a tree of letters.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// use crabtree::kino;
///
/// let sup = Supervisor::new(Strategy::OneForOne).name("Idle").start_link().await?;
///
/// let tree = kino::process::sup_tree(&sup).caption("Nothing to do");
/// assert!(tree.to_text().starts_with("Nothing to do\nIdle <0."));
/// assert!(tree.to_svg().starts_with("<svg"));
/// # Ok::<(), ExitReason>(())
/// # }).unwrap();
/// ```
pub fn sup_tree<D: Destination>(supervisor: D) -> SupTree {
    let root = match supervisor.resolve() {
        Ok(pid) => capture(pid),
        Err(NoSuchName(name)) => missing(name.as_str()),
    };
    SupTree::of(root)
}

/// Takes a picture of the processes of an [application](crate::application): its master, and below that the tree that it
/// runs, as [`sup_tree`] shows it.
///
/// Of an application that does not run, or is not known, the picture says so.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::application::{self, Application, Spec, Type};
/// use crabtree::prelude::*;
///
/// struct Shop;
///
/// impl Application for Shop {
///     async fn start(&self) -> Result<Pid, ExitReason> {
///         let sup = Supervisor::new(Strategy::OneForOne).name("Tills").start_link().await?;
///         Ok(sup.pid())
///     }
/// }
///
/// application::load(Spec::new("shop", Shop))?;
/// assert_eq!(kino::process::app_tree("shop").to_text(), "shop  not started");
///
/// application::start("shop", Type::Temporary).await?;
/// let tree = kino::process::app_tree("shop");
/// assert!(tree.to_text().contains("└── Tills <0."), "{tree}");
/// # application::stop("shop").await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn app_tree(application: impl AsRef<str>) -> SupTree {
    let name = application.as_ref();
    let missing = |words| Node::new(name, Kind::Application, Status::Missing(words));
    SupTree::of(match node().applications.presence(name) {
        Presence::Running(tree) => Node {
            children: vec![process(tree.root)],
            ..Node::new(name, Kind::Application, Status::Running(tree.master.to_string()))
        },
        Presence::Library => missing("a library, without processes"),
        Presence::NotStarted => missing("not started"),
        Presence::NotLoaded => missing("no such application"),
    })
}

/// A supervision tree at the moment when [`sup_tree`] or [`app_tree`] was called.
#[derive(Clone)]
pub struct SupTree {
    tree: Tree,
    direction: Option<Direction>,
}

impl SupTree {
    fn of(root: Node) -> SupTree {
        SupTree {
            tree: Tree { caption: None, root },
            direction: None,
        }
    }

    /// Which way the tree grows. Unless told, it grows down, or to the right where it would be too wide.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> SupTree {
        self.direction = Some(direction);
        self
    }

    /// A headline.
    #[must_use]
    pub fn caption(mut self, caption: impl Into<String>) -> SupTree {
        self.tree.caption = Some(one_line(&caption.into()));
        self
    }

    /// The tree as a picture: one SVG document, without scripts, styles or references to anything.
    pub fn to_svg(&self) -> String {
        svg::draw(&self.tree, self.direction).svg
    }

    /// The tree as a [Mermaid](https://mermaid.js.org) flowchart, to be pasted into a document.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(&self.tree, self.direction.unwrap_or(Direction::TopDown))
    }

    /// The tree in letters, one process per line.
    pub fn to_text(&self) -> String {
        text::draw(&self.tree)
    }
}

/// The picture twice, and the text. Of these every front end, trusted or not, shows one.
impl Render for SupTree {
    fn render(&self) -> Bundle {
        let picture = svg::draw(&self.tree, self.direction);
        Bundle::new()
            .with("text/html", picture.to_img(&self.tree.summary()))
            .with("image/svg+xml", picture.svg)
            .with("text/plain", self.to_text())
    }
}

/// A supervisor is shown as its tree.
impl Render for SupervisorRef {
    fn render(&self) -> Bundle {
        sup_tree(self).render()
    }
}

impl fmt::Display for SupTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for SupTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

fn capture(supervisor: Pid) -> Node {
    match supervisor::snapshot(supervisor) {
        Some(snapshot) => root(snapshot),
        None => missing(&supervisor.to_string()),
    }
}

fn missing(title: &str) -> Node {
    Node::new(title, Kind::Supervisor, Status::Missing("no such supervisor"))
}

/// Any process, with what is below it if it is a supervisor.
fn process(pid: Pid) -> Node {
    if let Some(snapshot) = supervisor::snapshot(pid) {
        return root(snapshot);
    }
    let record = node().table.get(pid);
    let seen = record.and_then(|record| record.update(pid, |state| (state.name().cloned(), state.inbox.len())));
    let text = pid.to_string();
    match seen {
        Some((name, mailbox)) => Node {
            mailbox,
            ..Node::new(
                name.as_ref().map_or(&*text, |name| name.as_str()),
                Kind::Worker,
                Status::Running(text.clone()),
            )
        },
        None => Node::new(&text, Kind::Worker, Status::Stopped),
    }
}

fn root(snapshot: Snapshot) -> Node {
    let pid = snapshot.pid.to_string();
    let title = snapshot.name.as_ref().map_or(&*pid, |name| name.as_str());
    let node = Node::new(title, Kind::Supervisor, Status::Running(pid.clone()));
    supervising(node, snapshot)
}

/// Adds to the node of a supervisor what only supervisors have.
fn supervising(node: Node, snapshot: Snapshot) -> Node {
    Node {
        policy: Some(Policy {
            strategy: strategy_name(snapshot.strategy).to_owned(),
            used: snapshot.restarts_in_window,
            allowed: snapshot.max_restarts,
            window: duration(snapshot.max_seconds),
        }),
        mailbox: snapshot.mailbox,
        children: snapshot.children.into_iter().map(child).collect(),
        ..node
    }
}

fn child(snapshot: ChildSnapshot) -> Node {
    let title = snapshot.name.as_ref().unwrap_or(&snapshot.id);
    let kind = match snapshot.kind {
        ChildKind::Supervisor => Kind::Supervisor,
        ChildKind::Worker => Kind::Worker,
    };
    let status = match snapshot.status {
        ChildStatus::Running(pid) => Status::Running(pid.to_string()),
        ChildStatus::Restarting => Status::Restarting,
        ChildStatus::NotStarted => Status::Stopped,
    };
    let node = Node {
        restarts: snapshot.restarts,
        previous: snapshot.previous.map(|pid| pid.to_string()),
        mailbox: snapshot.mailbox,
        ..Node::new(title.as_str(), kind, status)
    };
    match snapshot.tree {
        Some(tree) => supervising(node, *tree),
        None => node,
    }
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
