//! realm-tests
