//! The default runtime: what `generate`, `stream_generate`, `chat`, `embed`, `get_model_info`,
//! `health_check` and the functions on conversations do. Compiled to wasm it is the blob that a node
//! runs, one fresh sandbox per call; compiled natively it only carries that blob, as [`WASM_BINARY`].
//!
//! ```text
//!   apis ──► chat, conversations ──► conversation ──► stored (what lies in storage, and how)
//!     ├─ info   └─► generation: tokens → session → sample → stop? → emit
//!                       ├ options   defaults and bounds
//!                       ├ speculation, draft   passes that guess ahead
//!                       └ stop      stop texts across token borders
//! ```
//!
//! Nothing here computes on tensors: the model is the host's, and the loop that drives it is ours.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(any(target_arch = "wasm32", test))]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod apis;
#[cfg(target_arch = "wasm32")]
mod chat;
#[cfg(target_arch = "wasm32")]
mod conversation;
#[cfg(target_arch = "wasm32")]
mod conversations;
#[cfg(any(target_arch = "wasm32", test))]
mod draft;
#[cfg(target_arch = "wasm32")]
mod generation;
#[cfg(target_arch = "wasm32")]
mod info;
#[cfg(any(target_arch = "wasm32", test))]
mod options;
#[cfg(target_arch = "wasm32")]
mod speculation;
#[cfg(any(target_arch = "wasm32", test))]
mod stop;
#[cfg(target_arch = "wasm32")]
mod stored;

#[cfg(target_arch = "wasm32")]
realm_primitives::runtime_entry!();

#[cfg(not(target_arch = "wasm32"))]
mod blob {
    include!(concat!(env!("OUT_DIR"), "/blob.rs"));
}

/// The blob, built from this crate's sources by its build script. Empty only when the build was
/// told to leave it out.
#[cfg(not(target_arch = "wasm32"))]
pub use blob::WASM_BINARY;
