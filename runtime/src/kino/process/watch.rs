//! Views that change with what they show.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::observer::{Observer, console};
use super::sup_tree::{IntoSupTree, SupTree};
use crate::kino::thinned::Thinned;
use crate::kino::{Live, Render, live};
use crate::process::{self, Down};
use crate::{ms, receive, supervisor};

/// Shows a view, and shows it anew in the same place whenever something happens to what it shows.
///
/// A supervision tree, given by its supervisor or as a [`sup_tree`](super::sup_tree) or [`app_tree`](super::app_tree) with
/// options, is drawn anew when a child is started, ends or is restarted, in the whole tree; and when restarts are so long
/// ago that they do not count any more. Nobody is asked, and nothing is done while nothing happens. Mailboxes are those of
/// that time. When the supervisor ends, the last picture shows how.
///
/// An [`observer`](super::observer) is shown anew at regular times, for which [`settle`](crate::kino::settle()) does not wait.
///
/// What is drawn is at most 20 pictures in a second, and always the last one, which is also what is saved with a notebook.
/// A process of its own does it: it ends with the supervisor, by [`Live::stop`] or another exit signal, and when the cell is
/// run again. Where outputs cannot be replaced, as in a terminal, pictures come below one another, one in a second at most.
///
/// # Examples
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let idle = |id: &'static str| ChildSpec::new(id, || async { Ok(spawn_link(process::sleep(secs(60)))) });
/// let sup = Supervisor::new(Strategy::OneForOne).start_link().await?;
///
/// kino::process::watch(kino::process::sup_tree(&sup).caption("Workers"));
/// supervisor::start_child(&sup, idle("first")).await?; // now it is in the picture
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn watch(view: impl Watchable) -> Live {
    view.watch()
}

/// What [`watch`] can show: supervisors, trees, and the [`Observer`].
pub trait Watchable {
    #[doc(hidden)]
    fn watch(self) -> Live;
}

impl<T: IntoSupTree> Watchable for T {
    fn watch(self) -> Live {
        let tree = self.into_sup_tree();
        let output = Thinned::new();
        output.show(tree.render());
        live::begin("tree", follow(tree, output))
    }
}

impl Watchable for Observer {
    fn watch(self) -> Live {
        console::watch(self)
    }
}

/// So long a picture is looked at before the next one is drawn.
const PACE: Duration = ms(50);

async fn follow(mut tree: SupTree, output: Thinned) {
    let Some(pid) = tree.seen.pid else { return };
    tree.stay_with(pid);
    // It outlives the supervisor, and so tells how it came to its end.
    let children = supervisor::Shared::of(pid);
    let watched = process::monitor(pid);
    let changed = Arc::new(Notify::new());
    loop {
        // Once it is gone, what was seen before tells more.
        if tree.look_again(&changed) {
            output.show(tree.render());
        }
        let calm = tree.seen.calm;
        let news = tokio::select! {
            reason = async {
                receive! { Down { monitor, reason, .. } if monitor == watched => reason }
            } => Some(reason),
            () = changed.notified() => None,
            () = async {
                match calm {
                    Some(calm) => process::sleep(calm + ms(1)).await,
                    None => std::future::pending().await,
                }
            } => None,
        };
        if let Some(reason) = news {
            let last = children.map(|children| supervisor::listed(&children));
            tree.seen.end(&reason, last.unwrap_or_default());
            return output.show(tree.render());
        }
        process::sleep(PACE).await;
    }
}
