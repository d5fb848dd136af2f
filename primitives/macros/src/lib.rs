//! realm-macros
