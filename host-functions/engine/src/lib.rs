//! realm-engine: models, tokenizers, KV cache and the one batch in which all sandboxes' forward passes meet.

mod architectures;
mod cache;
mod config;
mod cpu;
mod embed;
mod executor;
pub mod gguf;
mod info;
mod load;
mod model;
mod progress;
pub mod sampling;
mod scheduler;
mod session;
mod spec;
mod tenant;
pub mod tokenizer;
pub mod tokenizer;
mod weight_check;
mod worker;

pub use config::{EngineConfig, KvPrecision};
pub use embed::{EMBED_TEXTS_MAX, EmbedError};
pub use executor::ExecutorError;
pub use info::ModelInfo;
pub use load::LoadError;
pub use model::{EngineLoad, Model, TensorError, TensorView};
pub use progress::{LoadProgress, LoadStage, Silent};
pub use realm_kernels::WeightType;
pub use scheduler::WEIGHT_DEFAULT;
pub use session::{ForwardError, Logits, Rows, Session, SessionError};
pub use tenant::TenantKey;
