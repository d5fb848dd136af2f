//! What a model is, in figures.

use crate::architectures::Architecture;

/// Facts about a loaded model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelInfo {
    /// The name in the file, or the file's own where it has none; of a folder, the folder's.
    pub name: String,
    /// As the files name it: `llama`, `qwen2`, ..
    pub architecture: String,
    /// The type that most weights are stored in: `Q8_0`, `Q4_K`, `F32`, ..
    pub quantization: String,
    /// Weights, counted singly.
    pub parameter_count: u64,
    /// The longest sequence that this engine takes, in tokens; of an encoder, what it reads of a text.
    pub context_length: u32,
    /// Values per hidden state, and per embedding.
    pub embedding_length: u32,
    pub vocab_size: u32,
    pub layer_count: u32,
    pub head_count: u32,
    pub kv_head_count: u32,
    /// Values per head.
    pub head_length: u32,
    /// Base of the rotary positions; 0 where positions are learned.
    pub rope_theta: f32,
    /// What the norms add to the mean square.
    pub norm_epsilon: f32,
    pub feed_forward_length: u32,
    /// Bytes of the files that hold the weights.
    pub file_bytes: u64,
    /// Bytes of the packed weights, which are resident.
    pub weight_bytes: u64,
    /// Bytes of keys and values that one token takes; 0 of an encoder, which keeps none.
    pub kv_bytes_per_token: u64,
    /// BLAKE2b-256 of the file that holds the weights. Of several, BLAKE2b-256 of their hashes one behind the other, in
    /// alphabetical order of the files' names.
    pub hash: [u8; 32],
    /// The chat template's source, if the file has one.
    pub chat_template: Option<String>,
}

impl ModelInfo {
    /// The sizes of what is computed; nothing else is filled in.
    pub(crate) fn sizes(computes: &Architecture) -> Self {
        match computes {
            Architecture::Decoder(spec, _) => Self {
                context_length: spec.context_length,
                embedding_length: spec.hidden_len as u32,
                vocab_size: spec.vocab_len as u32,
                layer_count: spec.layers.len() as u32,
                head_count: spec.head_count as u32,
                kv_head_count: spec.kv_head_count as u32,
                head_length: spec.head_len as u32,
                rope_theta: spec.ropes.first().map_or(0.0, |rope| rope.theta),
                norm_epsilon: spec.norm_epsilon,
                feed_forward_length: spec.feed_forward_len as u32,
                ..Self::default()
            },
            Architecture::Encoder(spec, tensors) => Self {
                context_length: spec.sentence.tokens_max,
                embedding_length: spec.hidden_len as u32,
                vocab_size: spec.vocab_len as u32,
                layer_count: tensors.layers.len() as u32,
                head_count: spec.head_count as u32,
                kv_head_count: spec.head_count as u32,
                head_length: spec.head_len as u32,
                norm_epsilon: spec.norm_epsilon,
                feed_forward_length: spec.feed_forward_len as u32,
                ..Self::default()
            },
        }
    }
}
