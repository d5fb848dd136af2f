//! realm-engine
