//! The bodies of the fuzz targets: each takes any bytes, and panics only if Realm is at fault.
//!
//! ```text
//!   fuzz_targets/NAME.rs ──► realm_fuzz::NAME(bytes) ──► the code under test, and what must hold of its answer
//!   corpus-seed/NAME/*   ──► the same function, in this crate's tests
//! ```
//!
//! - [`gguf_header`], [`gguf_load`], [`safetensors_header`], [`safetensors_load`]: model files.
//! - [`tokenizer_json`], [`chat_template`]: the texts beside them.
//! - [`metadata`], [`transcoder`]: the types of an uploaded runtime, and values by those types.
//! - [`host_functions`]: any sequence of host calls of a live instance.
//! - [`http`]: any request at a running node.
//! - [`scheduler`]: any order of events at the engine's scheduler.

// The tests count allocations, and so have an allocator of their own.
#![cfg_attr(not(test), forbid(unsafe_code))]

mod choices;
mod host;
mod metadata;
mod models;
mod node;
mod requests;
mod texts;
mod transcode;
mod types;

pub use host::host_functions;
pub use metadata::metadata;
pub use models::{gguf_header, gguf_load, safetensors_header, safetensors_load};
pub use requests::http;
pub use texts::{chat_template, tokenizer_json};
pub use transcode::transcoder;

#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tests;

/// Any order of events at the scheduler: no block leaks or is shared wrongly, no sequence starves, every bound holds.
pub fn scheduler(bytes: &[u8]) {
    let Some((&size, mut choices)) = bytes.split_first() else { return };
    // The node's blocks: from little more than one context to room for all. A tenant's bound likewise.
    let blocks = 13 + u32::from(size >> 4) * 4;
    realm_engine::fuzzing::drive_scheduler(&mut choices, blocks, 13 + u32::from(size & 15) * 3);
}

/// Returns the value, or `None` for an error, whose text is written because writing it must not panic either.
fn written<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Option<T> {
    outcome.map_err(|error| error.to_string()).ok()
}
