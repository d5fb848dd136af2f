//! A runtime that composes a whole llama forward pass out of `get_tensor`, `memory64_load_layer`,
//! `candle_matmul` and the small tensor operations, and sets it beside the node's fused pass. That
//! the two agree is what proves the tensor host functions real.
//!
//! - `composed_logits(tokens)`: written here, operation by operation (see `llama`).
//! - `fused_logits(tokens)`: `session_forward`, every row.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod apis;
#[cfg(target_arch = "wasm32")]
mod llama;

#[cfg(target_arch = "wasm32")]
realm_primitives::runtime_entry!();

#[cfg(not(target_arch = "wasm32"))]
mod blob {
    include!(concat!(env!("OUT_DIR"), "/blob.rs"));
}

/// The blob, built from this crate's sources by its build script.
#[cfg(not(target_arch = "wasm32"))]
pub use blob::WASM_BINARY;
