//! realm-engine: models, tokenizers, KV cache and the one batch in which all sandboxes' forward passes meet.

pub mod gguf;
