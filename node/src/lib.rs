//! The node.
pub mod executor;
