//! A runtime to begin with: everything that the default one does, from its own sources, and functions of yours
//! (`apis.rs` declares them, `mine.rs` does them).
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod apis;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/chat.rs"]
mod chat;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/conversation.rs"]
mod conversation;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/conversations.rs"]
mod conversations;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/draft.rs"]
mod draft;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/generation.rs"]
mod generation;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/info.rs"]
mod info;
#[cfg(target_arch = "wasm32")]
mod mine;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/options.rs"]
mod options;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/speculation.rs"]
mod speculation;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/stop.rs"]
mod stop;
#[cfg(target_arch = "wasm32")]
#[path = "../../runtime/src/stored.rs"]
mod stored;

#[cfg(target_arch = "wasm32")]
realm_primitives::runtime_entry!();

#[cfg(not(target_arch = "wasm32"))]
mod blob {
    include!(concat!(env!("OUT_DIR"), "/blob.rs"));
}

/// The blob, built from this crate's sources by its build script.
#[cfg(not(target_arch = "wasm32"))]
pub use blob::WASM_BINARY;
