//! realm-rpc
