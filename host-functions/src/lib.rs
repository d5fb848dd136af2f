//! realm-host-functions
