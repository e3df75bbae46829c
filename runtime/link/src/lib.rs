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
//!   Begin{cell}        ──────▶     a new device becomes the evaluator's group leader
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

pub mod barrier;
mod comm;
pub mod frame;
mod message;

pub use comm::{Comm, Payload};
pub use message::{Answer, CellEnd, Opening, Replaced, Stream, ToHost, ToKernel};

/// The environment variable that tells a host where its kernel listens.
pub const LINK_ENV: &str = "CRABTREE_LINK";
