//! Reading an architecture's keys: `<architecture>.<name>`, checked for sense.

use super::ArchitectureError;
use crate::gguf::{GgufFile, Metadata};
use crate::spec::LayerTensors;

/// The largest value that any size of a model can have: beyond it nothing real lies, and products stay in 64 bits.
const SIZE_MAX: u32 = 1 << 24;

/// A file's keys under an architecture's name.
pub struct Keys<'a> {
    pub file: &'a GgufFile,
    architecture: &'static str,
}

impl<'a> Keys<'a> {
    pub fn new(file: &'a GgufFile, architecture: &'static str) -> Self {
        Self { file, architecture }
    }

    pub fn metadata(&self) -> Metadata<'a> {
        self.file.metadata()
    }

    /// The whole key.
    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    /// A size that may be absent: from 1 to 2^24.
    pub fn optional_size(&self, name: &str) -> Result<Option<usize>, ArchitectureError> {
        let key = self.key(name);
        match self.metadata().u32(&key)? {
            None => Ok(None),
            Some(value) if (1..=SIZE_MAX).contains(&value) => Ok(Some(value as usize)),
            Some(value) => Err(bad(key, value, "a size lies between 1 and 16777216")),
        }
    }

    /// A size that must be there.
    pub fn size(&self, name: &str) -> Result<usize, ArchitectureError> {
        let value = self.optional_size(name)?;
        Ok(self.metadata().required(&self.key(name), value)?)
    }

    /// How many layers there are: no more than tensors, so that a number alone cannot make anything grow.
    pub fn layer_count(&self) -> Result<usize, ArchitectureError> {
        let count = self.size("block_count")?;
        if count <= self.file.tensors().len() {
            Ok(count)
        } else {
            Err(bad(self.key("block_count"), count, "there are fewer tensors than layers"))
        }
    }

    /// A positive, finite number, or the default.
    pub fn positive(&self, name: &str, default: Option<f32>) -> Result<f32, ArchitectureError> {
        let key = self.key(name);
        let value = self.metadata().f32(&key)?.or(default);
        let value = self.metadata().required(&key, value)?;
        if value.is_finite() && value > 0.0 {
            Ok(value)
        } else {
            Err(bad(key, value, "it must be finite and above 0"))
        }
    }

    /// How many tokens there are: the vocabulary's length, which the embedding table must agree with.
    pub fn vocab_len(&self) -> Result<usize, ArchitectureError> {
        let key = "tokenizer.ggml.tokens";
        let tokens = self.metadata().array(key)?;
        match self.metadata().required(key, tokens)?.len() {
            len if (1..=SIZE_MAX as usize).contains(&len) => Ok(len),
            len => Err(bad(key.to_owned(), len, "a vocabulary has between 1 and 16777216 tokens")),
        }
    }
}

pub fn bad(key: String, value: impl ToString, reason: &'static str) -> ArchitectureError {
    ArchitectureError::BadValue { key, value: value.to_string(), reason }
}

/// The names that most architectures' files use, with the parts that a layer may lack left out where the file has none.
pub fn usual_layer(file: &GgufFile, layer: usize) -> LayerTensors {
    let name = |part: &str| format!("blk.{layer}.{part}");
    let all = |parts: &[&str]| parts.iter().map(|part| name(part)).collect::<Vec<_>>();
    let biases = all(&["attn_q.bias", "attn_k.bias", "attn_v.bias"]);
    let norms = [name("attn_q_norm.weight"), name("attn_k_norm.weight")];
    let has = |names: &[String]| names.iter().any(|name| file.tensor(name).is_some());
    LayerTensors {
        attention_norm: name("attn_norm.weight"),
        qkv: all(&["attn_q.weight", "attn_k.weight", "attn_v.weight"]),
        qkv_bias: has(&biases).then_some(biases),
        head_norms: has(&norms).then_some(norms),
        attention_output: name("attn_output.weight"),
        feed_forward_norm: name("ffn_norm.weight"),
        gate_up: all(&["ffn_gate.weight", "ffn_up.weight"]),
        down: name("ffn_down.weight"),
    }
}
