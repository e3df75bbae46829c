//! The Crabtree kernel.
fn main() { evcxr::runtime_hook(); }
