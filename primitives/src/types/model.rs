//! What the model and the runtime say about themselves.

use super::H256;
use alloc::string::String;
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// Where embedding vectors come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum EmbeddingSource {
    /// Mean of the text model's last hidden states, L2-normalised.
    PooledHiddenStates,
    /// A model made for embeddings.
    EmbeddingModel,
}

/// What the host tells a runtime about its tenant's model.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ModelFacts {
    /// Name in the chain spec.
    pub name: String,
    /// Architecture as the file names it, for example `llama`.
    pub architecture: String,
    /// Type of most of the weights, for example `Q8_0`.
    pub quantization: String,
    /// Number of weights.
    pub parameter_count: u64,
    /// Tokens that fit: prompt and answer together.
    pub context_length: u32,
    /// Length of a hidden state.
    pub embedding_length: u32,
    /// Number of transformer layers.
    pub layer_count: u32,
    /// Attention heads per layer.
    pub head_count: u32,
    /// Key and value heads per layer.
    pub kv_head_count: u32,
    /// Length of one head.
    pub head_length: u32,
    /// Base of the rotary embedding, in thousandths (10000 is 10000000).
    pub rope_theta_milli: u64,
    /// Epsilon of the norms, as the bits of an f32.
    pub norm_epsilon: super::F32,
    /// Number of tokens in the vocabulary.
    pub vocabulary_length: u32,
    /// The token a sequence begins with, if the model wants one.
    pub bos_token: Option<u32>,
    /// Hash of the model file.
    pub model_hash: H256,
    /// Where the chat template comes from: `model`, or `fallback:chatml`.
    pub chat_template: String,
    /// Where embeddings come from.
    pub embedding_source: EmbeddingSource,
    /// Length of an embedding vector.
    pub embedding_vector_length: u32,
}

/// The answer of `get_model_info`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ModelInfo {
    /// Name in the chain spec.
    pub name: String,
    /// Architecture as the file names it, for example `llama`.
    pub architecture: String,
    /// Type of most of the weights, for example `Q8_0`.
    pub quantization: String,
    /// Number of weights.
    pub parameter_count: u64,
    /// Tokens that fit: prompt and answer together.
    pub context_length: u32,
    /// Number of tokens in the vocabulary.
    pub vocabulary_length: u32,
    /// Length of an embedding vector.
    pub embedding_length: u32,
    /// Where embeddings come from.
    pub embedding_source: EmbeddingSource,
    /// Where the chat template comes from: `model`, or `fallback:chatml`.
    pub chat_template: String,
    /// Hash of the model file.
    pub model_hash: H256,
    /// Name of the runtime that answers.
    pub spec_name: String,
    /// Version of the runtime that answers.
    pub spec_version: u32,
}

/// The answer of `health_check`.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct HealthStatus {
    /// True when the runtime runs and its model is loaded.
    pub healthy: bool,
    /// The model that would answer.
    pub model: String,
    /// Name of the runtime that answers.
    pub spec_name: String,
    /// Version of the runtime that answers.
    pub spec_version: u32,
}
