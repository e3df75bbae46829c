//! The process runtime as notebook cells link to it: one shared library, loaded once.
//!
//! Everything public in the runtime is public here. What is added is the host side of a notebook:
//!
//! - [`host`](mod@host): the connection to the kernel, and the capture of what C code and other
//!   libraries print;
//! - [`evaluator`](mod@evaluator): the process that cells run in, behind tokio's `Runtime`;
//! - [`harness`](mod@harness): the tests of a cell;
//! - [`show`](mod@show): how the value of a cell's last expression is shown;
//! - [`variables`](mod@variables): the variables of a notebook between its cells;
//! - `println!` and its kin, which write to the group leader and let evcxr's own line through.

// What `receive!` expands to says `::crabtree`, in this crate as in cells.
#[allow(unused_extern_crates)]
extern crate self as crabtree;

mod code;
mod evaluator;
mod harness;
mod host;
mod macros;
mod show;
mod variables;

pub use runtime::*;

/// What generated code of cells uses.
#[doc(hidden)]
pub mod __cell {
    pub use crate::evaluator::{CellOutcome, Runtime, check};
    pub use crate::harness::{Test, TestOutcome, run_tests};
    pub use crate::host::ShowingValue;
    pub use crate::show::*;
    pub use ::runtime;
    pub use ::tokio;

    pub use crate::host::commands::protocol;

    /// What stands in the place of evcxr's module.
    pub mod variables {
        pub use crate::variables::*;
    }
}
