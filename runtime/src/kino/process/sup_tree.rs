//! The tree below a supervisor, as it was at one moment.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use tokio::sync::Notify;

use super::capture::{Seen, Subject};
use super::export::{self, Writers};
use super::layout::Direction;
use super::tree::{Node, Show, Tree};
use super::words::one_line;
use super::{changes, data, mermaid, svg, text};
use crate::destination::Target;
use crate::kino::{Bundle, Render};
use crate::supervisor::SupervisorRef;
use crate::{Destination, Pid};

/// Takes a picture of the processes below a supervisor, which may be given as a [`SupervisorRef`], by pid or by name.
///
/// The tree is what it was at the time of the call, also when children end and are restarted meanwhile. It shows each
/// process under its registered name, or else its label, or the id that its supervisor knows it by, with its pid; for
/// supervisors their strategy, and how many restarts of their intensity are used up. What a crash has replaced stands out:
/// with the pid of the process that was there before, and what it died of, or with whom it was stopped. So do processes
/// that are not running, and those that have messages waiting.
///
/// Where more than a dozen siblings are alike they are drawn as one, `worker × 480`, and what is different among them is
/// drawn beside it; [`unfolded`](SupTree::unfolded) draws each.
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
    SupTree::of(Subject::Supervisor(supervisor.target()))
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
    SupTree::of(Subject::Application(application.as_ref().to_owned()))
}

/// A supervision tree at the moment when [`sup_tree`] or [`app_tree`] was called.
#[derive(Clone)]
pub struct SupTree {
    subject: Subject,
    pub(super) seen: Seen,
    before: Option<Box<Node>>,
    caption: Option<String>,
    direction: Option<Direction>,
    show: Show,
}

impl SupTree {
    fn of(subject: Subject) -> SupTree {
        SupTree {
            seen: subject.look(),
            subject,
            before: None,
            caption: None,
            direction: None,
            show: Show::default(),
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
        self.caption = Some(one_line(&caption.into()));
        self
    }

    /// Also shows the [tables](crate::ets) of processes, each below its owner. They are left out unless this is called.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::agent;
    /// use crabtree::prelude::*;
    ///
    /// let cache = agent::child_spec("cache", || ets::set::<&str, u32>("pages").create().unwrap());
    /// let sup = Supervisor::new(Strategy::OneForOne).child(cache).start_link().await?;
    ///
    /// let tree = kino::process::sup_tree(&sup).tables();
    /// assert!(tree.to_text().ends_with("    └── [pages]  set · 0 objects"), "{tree}");
    /// # Ok::<(), ExitReason>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn tables(mut self) -> SupTree {
        self.show.tables = true;
        self
    }

    /// Also shows links, other than those between a supervisor and its children: as dotted lines, and with the processes
    /// outside of the tree that workers are linked to. They are left out unless this is called. A link to one of many
    /// that are drawn as one is not shown.
    #[must_use]
    pub fn links(mut self) -> SupTree {
        self.show.links = true;
        self
    }

    /// Draws each process for itself, however many are alike.
    #[must_use]
    pub fn unfolded(mut self) -> SupTree {
        self.show.unfolded = true;
        self
    }

    /// Shows what has become of an earlier tree: only what has changed since stands out, and earlier crashes do not. A
    /// process that was replaced shows the pid that it had then, what is new and what is gone is marked, and a line below
    /// counts it all.
    ///
    /// A child is the same one if it has the same process, or has replaced it, or is the only one with its id.
    ///
    /// ```
    /// # crabtree::run(async {
    /// use crabtree::prelude::*;
    ///
    /// let idle = |id: &'static str| ChildSpec::new(id, || async { Ok(spawn_link(process::sleep(secs(60)))) });
    /// let sup = Supervisor::new(Strategy::OneForOne).child(idle("a")).start_link().await?;
    ///
    /// let before = kino::process::sup_tree(&sup);
    /// supervisor::start_child(&sup, idle("b")).await?;
    /// let now = kino::process::sup_tree(&sup).since(&before);
    /// assert!(now.to_text().ends_with("since then: 1 new, 2 untouched"), "{now}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn since(mut self, before: &SupTree) -> SupTree {
        self.before = Some(Box::new(before.seen.root.clone()));
        self
    }

    /// The tree as a picture: one SVG document, without scripts, styles or references to anything.
    pub fn to_svg(&self) -> String {
        svg::draw(&self.tree(), self.direction).svg
    }

    /// The tree as a [Mermaid](https://mermaid.js.org) flowchart, to be pasted into a document.
    pub fn to_mermaid(&self) -> String {
        mermaid::draw(&self.tree(), self.direction.unwrap_or(Direction::TopDown))
    }

    /// The tree in letters, one process per line.
    pub fn to_text(&self) -> String {
        text::draw(&self.tree())
    }

    /// What was seen, as JSON for other programs: an object whose `root` is the process at the top, with `children` that are
    /// such objects as well. Nothing is folded, and tables and links are there also when they are not drawn.
    pub fn to_json(&self) -> String {
        data::json(&self.tree()).to_string()
    }

    /// Writes a file, over one that is there. The extension says in which form: `.svg`, `.mmd` for Mermaid, `.json`, or
    /// `.txt`.
    ///
    /// # Errors
    /// When the extension is another one ([`InvalidInput`](io::ErrorKind::InvalidInput)), or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let writers = Writers {
            svg: SupTree::to_svg,
            mermaid: SupTree::to_mermaid,
            json: SupTree::to_json,
            text: SupTree::to_text,
        };
        export::save(path.as_ref(), self, &writers)
    }

    /// The tree in letters without what differs from run to run, for golden tests: processes that run have no pid, and
    /// those that ended are `P1`, `P2`, … in order of appearance. [`assert_tree!`](crate::assert_tree) compares it.
    pub fn outline(&self) -> String {
        text::outline(&self.tree())
    }

    /// From now on it is the tree of this supervisor, and not of the next one that gets its name.
    pub(super) fn stay_with(&mut self, supervisor: Pid) {
        if let Subject::Supervisor(target) = &mut self.subject {
            *target = Target::Pid(supervisor);
        }
    }

    /// Looks again, and has `onlooker` notified of what becomes of what is seen. Says whether there still is anything;
    /// otherwise the tree stays as it was.
    pub(super) fn look_again(&mut self, onlooker: &Arc<Notify>) -> bool {
        let seen = self.subject.watch(onlooker);
        let is_there = seen.pid.is_some();
        if is_there {
            self.seen = seen;
        }
        is_there
    }

    pub(super) fn tree(&self) -> Tree {
        let mut tree = Tree {
            caption: self.caption.clone(),
            outside: self.seen.outside.clone(),
            show: self.show,
            ..Tree::new(self.seen.root.clone())
        };
        tree.changes = self.before.as_ref().map(|before| changes::mark(&mut tree.root, before));
        tree
    }
}

impl Render for SupTree {
    fn render(&self) -> Bundle {
        let tree = self.tree();
        svg::draw(&tree, self.direction).into_bundle(&tree.summary(), text::draw(&tree))
    }
}

/// What can be taken for a tree: one that was taken, or the supervisor itself, whose tree is then taken.
pub trait IntoSupTree {
    /// The tree.
    fn into_sup_tree(self) -> SupTree;
}

impl<D: Destination> IntoSupTree for D {
    fn into_sup_tree(self) -> SupTree {
        sup_tree(self)
    }
}

impl IntoSupTree for SupTree {
    fn into_sup_tree(self) -> SupTree {
        self
    }
}

impl IntoSupTree for &SupTree {
    fn into_sup_tree(self) -> SupTree {
        self.clone()
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
