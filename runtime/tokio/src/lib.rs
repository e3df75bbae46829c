//! tokio as notebook cells see it.
//!
//! evcxr runs a cell by handing its future to `tokio::runtime::Runtime::block_on`, and resolves
//! `tokio` among the cell's dependencies. This crate has that name. It is the real tokio, the very
//! one that the process runtime runs on, except for [`runtime::Runtime`]: that one runs the future
//! as the evaluator process.
#![warn(missing_docs)]

pub use crabtree::__cell::tokio::*;

/// tokio's runtime module, with the evaluator in place of `Runtime`.
pub mod runtime {
    pub use crabtree::__cell::tokio::runtime::*;

    pub use crabtree::__cell::Runtime;
}
