//! What the Crabtree kernel and its host say to each other.
//!
//! The kernel listens on a unix socket whose path is in the host's environment under [`LINK_ENV`].
//! A host opens two connections; the first frame of each says which it is ([`Opening`]):
//!
//! - the **link**: frames of [`ToKernel`] one way and [`ToHost`] the other ([`frame`] has the format);
//! - its **standard error**: raw bytes, because what a process writes there as it dies must not
//!   depend on the process being alive. A [`barrier`] in it marks the end of a cell.
//!
//! One cell is one exchange:
//!
//! ```text
//! kernel                         host
//!   Begin{cell}        ──────▶     a new device becomes the evaluator's group leader; children that the cell has from
//!                                  before end
//!                      ◀──────   Begun{cell}
//!   (evcxr compiles and has the host run the cell)
//!                      ◀──────   Output, Display, Clear, Result …
//!                      ◀──────   Outcome{cell}            if the cell had code to run
//!   End{cell}          ──────▶     captured output is flushed
//!                      ◀──────   Ended{cell}
//! ```
//!
//! Beside that, at any time: a question of the host's ([`ToKernel::Ask`]) gets one answer ([`ToHost::Answer`]), and
//! [`Comm`]s go both ways.
//!
//! `Ended` is the barrier: whatever the cell itself wrote came before it. Outputs of processes may
//! come at any time, under the cell that spawned them.

//! # Subshells
//! A subshell is a second evaluator in the same host. The kernel listens for it on another socket, and has the host open
//! its connections there ([`ToHost::Open`]): a link, an empty standard error, and the *commands*. What evcxr starts for a
//! subshell is no host, but a process that hands on what evcxr tells it to load and run; its connection and the host's
//! commands are joined by the kernel.
//!
//! # Pace
//! What is shown goes to a front end, which may be slow. So the kernel says how much of it has gone on
//! ([`ToHost::Shown`]), and whoever shows something in the host waits while more than [`WINDOW`] is under way. Only those
//! wait: both sides read the link at all times, so a message that is none of output is never held up by output, and
//! neither side can wait for the other in a circle.

pub mod barrier;
mod comm;
pub mod frame;
mod message;
mod place;

pub use comm::{Comm, Payload};
pub use message::{Answer, CellEnd, Opening, Replaced, Stream, ToHost, ToKernel};
pub use place::{FUNCTION, GENERATED, cell, frame_of, path_in_cells, place};

/// The environment variable that tells a host where its kernel listens.
pub const LINK_ENV: &str = "CRABTREE_LINK";

/// The environment variable that tells the process which evcxr starts for a subshell where its kernel listens.
pub const SUBSHELL_ENV: &str = "CRABTREE_SUBSHELL";

/// How much output may be on its way from a host to the front end, by [weight](ToKernel::weight), before those who
/// show more have to wait.
pub const WINDOW: usize = 4 << 20;

/// The environment variable that tells a host what `RUST_BACKTRACE` is for its kernel. evcxr overrides the variable itself.
pub const BACKTRACE_ENV: &str = "CRABTREE_BACKTRACE";
