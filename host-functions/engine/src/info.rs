//! What a model is, in figures.

/// Facts about a loaded model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// The name in the file, or the file's own where it has none; of a folder, the folder's.
    pub name: String,
    /// As the files name it: `llama`, `qwen2`, ..
    pub architecture: String,
    /// The type that most weights are stored in: `Q8_0`, `Q4_K`, `F32`, ..
    pub quantization: String,
    /// Weights, counted singly.
    pub parameter_count: u64,
    /// The longest sequence that this engine takes, in tokens.
    pub context_length: u32,
    /// Values per hidden state, and per embedding.
    pub embedding_length: u32,
    pub vocab_size: u32,
    pub layer_count: u32,
    pub head_count: u32,
    pub kv_head_count: u32,
    /// Values per head.
    pub head_length: u32,
    /// Base of the rotary positions.
    pub rope_theta: f32,
    /// What the norms add to the mean square.
    pub norm_epsilon: f32,
    pub feed_forward_length: u32,
    /// Bytes of the files that hold the weights.
    pub file_bytes: u64,
    /// Bytes of the packed weights, which are resident.
    pub weight_bytes: u64,
    /// Bytes of keys and values that one token takes.
    pub kv_bytes_per_token: u64,
    /// BLAKE2b-256 of the file that holds the weights. Of several, BLAKE2b-256 of their hashes one behind the other, in
    /// alphabetical order of the files' names.
    pub hash: [u8; 32],
    /// The chat template's source, if the file has one.
    pub chat_template: Option<String>,
}
