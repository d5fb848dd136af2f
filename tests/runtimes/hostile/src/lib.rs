//! A runtime that tries to get at what is not its own, for the test `isolation`.
//!
//! ```text
//!   apis ─┬─ functions   every host function with the kinds of its arguments: one list
//!         ├─ attack      each of them with forged handles, wild pointers and wild numbers
//!         ├─ program     any sequence of host calls, out of a fuzzer's bytes
//!         ├─ hold        has handles, values and a lock, shows their numbers, and looks whether they stay its own
//!         └─ memory      writes a pattern everywhere, and looks for one
//! ```
#![cfg_attr(target_arch = "wasm32", no_std)]

#[cfg(target_arch = "wasm32")]
extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod apis;
#[cfg(target_arch = "wasm32")]
mod attack;
#[cfg(target_arch = "wasm32")]
mod functions;
#[cfg(target_arch = "wasm32")]
mod hoard;
#[cfg(target_arch = "wasm32")]
mod hold;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(target_arch = "wasm32")]
mod program;

#[cfg(target_arch = "wasm32")]
realm_primitives::runtime_entry!();

#[cfg(not(target_arch = "wasm32"))]
mod blob {
    include!(concat!(env!("OUT_DIR"), "/blob.rs"));
}

/// The blob, built from this crate's sources by its build script.
#[cfg(not(target_arch = "wasm32"))]
pub use blob::WASM_BINARY;
