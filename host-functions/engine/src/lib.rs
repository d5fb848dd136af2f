//! realm-engine: models, tokenizers, KV cache and the one batch in which all sandboxes' forward passes meet.

mod cache;
pub mod gguf;
mod scheduler;
mod tenant;

pub use tenant::TenantKey;
