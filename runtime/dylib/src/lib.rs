//! Crabtree.
pub use runtime::*;
