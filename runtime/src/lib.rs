//! Crabtree.
