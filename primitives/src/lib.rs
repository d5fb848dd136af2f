//! What a runtime and the node agree on: the types that cross the sandbox's wall, the binary
//! interface they cross by, the macros that declare runtime APIs, and the host functions as the
//! guest sees them. `no_std` with `alloc`; the node uses the same crate with `std`.
//!
//! - [`types`]: what functions take and give, SCALE-encoded and described by metadata.
//! - [`abi`]: how bytes pass between guest and host, and the host's error codes.
//! - [`api`]: declared APIs: `Core`, `Metadata`, `RealmApi`, and what the macros expand to.
//! - [`metadata`]: how a runtime describes itself.
//! - [`host`]: the host functions, raw and wrapped (wasm32 only does anything with them).
//! - [`decl_runtime_apis!`] and [`impl_runtime_apis!`]: one declaration yields the trait, the wasm
//!   exports, the metadata entry and the typed caller on the host's side.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;
// The macros' expansions say `::realm_primitives`, here as everywhere.
extern crate self as realm_primitives;

pub mod abi;
pub mod api;
pub mod metadata;
pub mod types;

#[cfg(target_arch = "wasm32")]
pub mod guest;
#[cfg(target_arch = "wasm32")]
pub mod host;

pub use realm_macros::{decl_runtime_apis, impl_runtime_apis, runtime_version};
pub use types::*;

/// What the macros' expansions name.
#[doc(hidden)]
pub mod __private {
    pub use alloc::vec::Vec;
    pub use scale_info;
}
