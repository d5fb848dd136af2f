//! realm-wasm-builder
