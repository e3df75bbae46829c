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
//! └── second <0.104.0>  ↻ 1, was <0.103.0>
//! ```
//!
//! [`Sequence::save`] writes a view to a file, in the form that the extension names; [`assert_trace!`](crate::assert_trace)
//! compares one in a golden test.
//!
//! # Reading the picture of a tree
//! - The supervisor at the root has a thick border; supervisors are violet, workers green.
//! - Under a supervisor's name: its strategy, and how many of its restarts are used up, in how much time. The numbers
//!   turn red when the next crash would be one too many.
//! - An amber border and a strip `↻ 2, was <0.214.0>`: restarted twice, the last time in place of that process.
//! - Dashed borders: nothing runs there. Amber is about to be started again; red has ended and stays so; grey was never started.
//! - An envelope with a number: so many messages wait, in red when they are a hundred or more.

mod canvas;
mod export;
mod layout;
mod list;
mod mermaid;
mod sequence;
mod sup_tree;
mod svg;
mod text;
mod tree;
pub(super) mod words;

pub use layout::Direction;
pub use sequence::{Sequence, seq_trace, sequence};
pub use sup_tree::{SupTree, app_tree, sup_tree};

#[cfg(test)]
mod checks;
#[cfg(test)]
mod tests;
