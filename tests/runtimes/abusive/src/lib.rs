//! A runtime that takes as much of the node as it can, for the suite `hostile`: processor time, native memory,
//! storage, tokens, and room in queues. The runtime `hostile` beside it tries to reach what belongs to others.
//!
//! ```text
//!   apis ─┬─ processor   loops, hashes, matrix products
//!         ├─ memory      tensors, samplers, read sets, small values, fat events
//!         └─ tokens      forward passes, and sampling without the host's sampler
//! ```
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod apis;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(target_arch = "wasm32")]
mod processor;
#[cfg(target_arch = "wasm32")]
mod tokens;

#[cfg(target_arch = "wasm32")]
realm_primitives::runtime_entry!();

#[cfg(not(target_arch = "wasm32"))]
mod blob {
    include!(concat!(env!("OUT_DIR"), "/blob.rs"));
}

/// The blob, built from this crate's sources by its build script.
#[cfg(not(target_arch = "wasm32"))]
pub use blob::WASM_BINARY;
