//! realm-test-models
