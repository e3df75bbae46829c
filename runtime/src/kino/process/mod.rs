//! Pictures of processes.
//!
//! A view is a value: it holds what was seen when it was taken, and can be drawn as a picture, in letters, or as a Mermaid
//! diagram. Looking disturbs nobody: no process is asked, so a tree can also be taken of supervisors that are busy.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::prelude::*;
//!
//! let worker = |id: &'static str| {
//!     ChildSpec::new(id, || async { Ok(spawn_link(process::sleep(secs(60)))) }).name(id)
//! };
//! let sup = Supervisor::new(Strategy::OneForOne)
//!     .name("Workers")
//!     .child(worker("first"))
//!     .child(worker("second"))
//!     .start_link()
//!     .await?;
//!
//! let second = process::whereis("second").unwrap();
//! process::exit(second, ExitReason::Kill);
//! process::sleep(ms(20)).await;
//!
//! println!("{}", kino::process::sup_tree(&sup));
//! # let text = kino::process::sup_tree(&sup).to_text();
//! # assert!(text.contains(&format!("↻ 1, was {second}")), "{text}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! prints, with the second worker replaced and the first one untouched:
//!
//! ```text
//! Workers <0.101.0>  one_for_one · 1/3 in 5 s
//! ├── first <0.102.0>
//! └── second <0.104.0>  ↻ 1, was <0.103.0>  died: killed
//! ```
//!
//! # What there is
//! - [`sup_tree`] and [`app_tree`]: who supervises whom, with tables and links where they are wanted. [`SupTree::since`]
//!   compares two moments.
//! - [`seq_trace`]: who sent what to whom; [`trace_last`]: the same of the last seconds. [`timeline`]: what each was at, and
//!   when.
//! - [`observer`]: a table of those that do most.
//! - [`watch`]: a tree or such a table, shown anew when something happens.
//!
//! [`SupTree::save`], [`Sequence::save`] and [`Timeline::save`] write a view to a file, in the form that the extension names;
//! [`assert_tree!`](crate::assert_tree) and [`assert_trace!`](crate::assert_trace) compare one in a golden test.
//!
//! # Reading the picture of a tree
//! - The supervisor at the root has a thick border; supervisors are violet, workers green.
//! - Under a supervisor's name: its strategy, and how many of its restarts are used up, in how much time. The numbers
//!   turn red when the next crash would be one too many.
//! - An amber border and a strip `↻ 2, was <0.214.0>`: restarted twice, the last time in place of that process. Below it
//!   what that one died of; or `with fetcher`, when it was stopped because the strategy has it restarted with that sibling.
//! - Cards on top of each other, `worker × 480`: so many that are alike. What is different among them is beside them.
//! - Dashed borders: nothing runs there. Amber is about to be started again; red has ended and stays so; grey was never started.
//! - An envelope with a number: so many messages wait, in red when they are a hundred or more.
//! - A cylinder is a table, below its owner. Dotted lines are links; white is a process outside of the tree.
//! - Compared with an earlier tree, a green border is new, and what is gone has a dashed one.
//!
//! How long it takes to draw them is what `cargo bench -p crabtree --bench pictures` prints.

mod canvas;
mod capture;
mod changes;
mod data;
mod export;
mod fold;
mod layout;
mod list;
mod mermaid;
mod observer;
mod sequence;
mod sup_tree;
mod svg;
mod text;
mod timeline;
mod tree;
mod watch;
pub(super) mod words;

pub use layout::Direction;
pub use observer::{Observer, SortBy, observer};
pub use sequence::{Sequence, seq_trace, sequence, trace_last};
pub use sup_tree::{IntoSupTree, SupTree, app_tree, sup_tree};
pub use timeline::{Timeline, timeline};
pub use watch::{Watchable, watch};

#[cfg(test)]
mod checks;
#[cfg(test)]
mod tests;
