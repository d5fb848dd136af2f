//! Commands for who administers a node: its keys and tenants.

pub mod key;
pub mod tenant;
