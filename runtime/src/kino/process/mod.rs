//! Pictures of processes.
//!
//! Each view is a value: it holds what was seen when it was taken, and renders itself as a picture (SVG), as a
//! drawing in letters, or as a Mermaid diagram.

mod layout;
mod mermaid;
mod sup_tree;
mod svg;
mod text;
mod tree;

pub use layout::Direction;
pub use sup_tree::{SupTree, sup_tree};

#[cfg(test)]
mod tests;
