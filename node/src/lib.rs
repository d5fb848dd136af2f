//! realm-node
