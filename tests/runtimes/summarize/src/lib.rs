//! Version 2 of the default runtime, as one would write it: everything that version 1 does, from its
//! own sources, one function more with a decode loop of its own, and turns of conversations that say
//! which version made them, with the migration of those that do not. Uploaded to a running node it
//! adds `summarize` for every client, with no change to the node.
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod apis;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/chat.rs"]
mod chat;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/conversation.rs"]
mod conversation;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/conversations.rs"]
mod conversations;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/draft.rs"]
mod draft;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/generation.rs"]
mod generation;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/info.rs"]
mod info;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/options.rs"]
mod options;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/speculation.rs"]
mod speculation;
#[cfg(target_arch = "wasm32")]
#[path = "../../../../runtime/src/stop.rs"]
mod stop;
#[cfg(target_arch = "wasm32")]
mod stored;
#[cfg(target_arch = "wasm32")]
mod summarize;

#[cfg(target_arch = "wasm32")]
realm_primitives::runtime_entry!();

#[cfg(not(target_arch = "wasm32"))]
mod blob {
    include!(concat!(env!("OUT_DIR"), "/blob.rs"));
}

/// The blob, built from this crate's sources by its build script.
#[cfg(not(target_arch = "wasm32"))]
pub use blob::WASM_BINARY;
