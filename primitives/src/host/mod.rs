//! The host functions as a runtime author sees them: owned values in and out, handles that free
//! themselves, errors with text. Over [`raw`], the imports themselves. Present on wasm32 only,
//! because nothing else has a host.

pub mod raw;

pub mod context;
pub mod crypto;
mod error;
pub mod inference;
mod memory;
pub mod storage;
pub mod stream;
pub mod tensor;

pub use error::HostError;
