//! The types of the default runtime API and of the host functions, by what they are about.
//! All of them are SCALE types with metadata; a runtime author may use them or bring others.

mod chat;
mod context;
mod conversation;
mod error;
mod generate;
mod model;
mod number;
mod sampling;
mod storage;
mod tensor;
mod version;

pub use chat::{ChatMessage, ChatResult, ROLES};
pub use context::{CallContext, Prices};
pub use conversation::{ConversationExport, ConversationInfo, ConversationPage, ConversationTurn, WhenFull};
pub use error::RuntimeError;
pub use generate::{FinishReason, GenerateOptions, GenerateResult, Receipt, TokenEvent};
pub use model::{EmbeddingSource, HealthStatus, ModelFacts, ModelInfo};
pub use number::{F32, H256, Milli, NanoUsd, SignedMilli};
pub use sampling::{LogitBias, SamplingParams, TokenAlternative, TokenLogprob};
pub use storage::StorageScope;
pub use tensor::LayerTensor;
pub use version::RuntimeVersion;
