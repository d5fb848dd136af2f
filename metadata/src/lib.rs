//! realm-metadata
