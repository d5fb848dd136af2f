//! What a model is, in figures.

use std::path::Path;

use crate::architectures::Architecture;
use crate::description::Description;
use crate::model_files::ModelFiles;
use crate::tensor_info::type_name;
use crate::tensors::WeightsError;

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
    /// What the files at `path` say. Hash, packed bytes and bytes of keys and values are not known yet, and 0.
    ///
    /// # Errors
    /// [`WeightsError::Missing`]: the matrix by whose type the model is called.
    pub(crate) fn of(path: &Path, files: &ModelFiles, description: &Description) -> Result<Self, WeightsError> {
        let file_stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self {
            name: description.name.clone().unwrap_or_else(file_stem),
            architecture: description.architecture.clone(),
            quantization: type_name(description.main_type(files)?).to_owned(),
            parameter_count: files.tensors().iter().map(|tensor| tensor.len as u64).sum(),
            file_bytes: files.byte_len(),
            chat_template: description.chat_template.clone(),
            ..Self::sizes(&description.computes)
        })
    }

    /// The sizes of what is computed; nothing else is filled in.
    fn sizes(computes: &Architecture) -> Self {
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
