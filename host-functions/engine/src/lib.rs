//! Models, tokenizers, KV cache, and the one batch in which all sandboxes' forward passes meet.
//!
//! ```text
//! Model ── Tokenizer, ChatTemplate          Session, Session, Session ..   one per sequence, async
//!   │                                            │ forward(tokens) -> Logits
//!   └─ worker thread ── scheduler (pure) ── plan ── executor (cpu) ── KV memory
//! ```
//! The crate knows no wasm and no JSON-RPC. Its parts, in the order in which a model meets them:
//!
//! - [`gguf`] and [`huggingface`] read files; `architectures` says what their model is, `tensors` finds and checks its
//!   weights; `cpu` packs them and computes, and so does `device` with candle.
//! - [`tokenizer`] and [`chat_template`] turn text to tokens and back, [`sampling`] logits into a token.
//! - `encoder` is the other kind of model, which gives texts vectors and has neither sessions nor a scheduler.
//! - `scheduler` and `cache` decide, without clock or tensor, which tokens are computed next and where their keys and
//!   values lie; `worker` does it; [`Session`] is how a caller takes part.
//!
//! A sequence's logits depend on its tokens alone: alone or in any batch, cut in any way, with any number of threads,
//! computed anew or taken from the prefix cache, they are the same bits.
//!
//! # Example
//!
//! The file `examples/generate.rs`, which writes on from a prompt:
//!
//! ```no_run
#![doc = include_str!("../examples/generate.rs")]
//! ```

mod architectures;
mod bandwidth;
mod cache;
pub mod chat_template;
mod config;
mod cpu;
mod description;
mod device;
mod embed;
mod encoder;
mod executor;
pub mod gguf;
mod hashes;
pub mod hub;
pub mod huggingface;
mod info;
mod inspect;
mod load;
mod meter;
mod model;
mod model_files;
mod progress;
pub mod sampling;
mod scheduler;
mod session;
mod spec;
mod tenant;
mod tensor_info;
mod tensors;
mod thread_time;
pub mod tokenizer;
mod weight_check;
mod worker;

/// For the fuzz targets.
#[cfg(feature = "fuzzing")]
pub mod fuzzing {
    pub use crate::scheduler::driven::drive as drive_scheduler;
}

pub use bandwidth::read_bytes_per_second;
pub use chat_template::{Message, TemplateError};
pub use config::{EngineConfig, KvPrecision};
pub use device::{ComputeDevice, DeviceError};
pub use embed::{EMBED_TEXTS_MAX, EmbedError};
pub use encoder::EncodeTextError;
pub use executor::ExecutorError;
pub use info::ModelInfo;
pub use inspect::{Inspection, TypeShare};
pub use load::LoadError;
pub use meter::TokenMeter;
pub use model::{CannotGenerate, EngineCounters, EngineLoad, Model, TenantShare, TensorError, TensorView};
pub use progress::{LoadProgress, LoadStage, Silent};
pub use realm_kernels::WeightType;
pub use sampling::{Sampled, Sampler, SamplingParams};
pub use scheduler::WEIGHT_DEFAULT;
pub use session::{ForwardError, Logits, Rows, Session, SessionError};
pub use tenant::TenantKey;
pub use thread_time::own_thread_time;
pub use tokenizer::{Detokenizer, Tokenizer};
