//! Reading an architecture's keys: `<architecture>.<name>`, checked for sense.

use super::{ArchitectureError, long_rope};
use crate::gguf::{GgufFile, Metadata};
use crate::spec::{DecoderSpec, DecoderTensors, Gate, LayerSpec, LayerTensors, RopeScaling, RopeSpec, RopeStyle};

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
        if value.is_finite() && value > 0.0 { Ok(value) } else { Err(bad(key, value, "it must be finite and above 0")) }
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

/// The tensor of rotary divisors that files of the Llama 3 kind have.
const ROPE_FACTORS: &str = "rope_freqs.weight";

impl Keys<'_> {
    /// What all architectures have in common: sizes, one kind of rotation, the same window in every layer, SwiGLU, no
    /// caps. An architecture changes what it has different.
    pub fn usual_spec(&self, style: RopeStyle) -> Result<DecoderSpec, ArchitectureError> {
        if let Some(experts) = self.metadata().u32(&self.key("expert_count"))?.filter(|&count| count > 0) {
            return Err(ArchitectureError::Experts { experts });
        }
        let (hidden_len, head_count) = (self.size("embedding_length")?, self.size("attention.head_count")?);
        let kv_head_count = self.optional_size("attention.head_count_kv")?.unwrap_or(head_count);
        if !head_count.is_multiple_of(kv_head_count) {
            let key = self.key("attention.head_count_kv");
            return Err(bad(key, kv_head_count, "it must divide the number of heads"));
        }
        let head_len = match self.optional_size("attention.key_length")? {
            Some(len) => len,
            None if hidden_len.is_multiple_of(head_count) => hidden_len / head_count,
            None => {
                return Err(bad(self.key("attention.head_count"), head_count, "it must divide the embedding length"));
            }
        };
        if self.optional_size("attention.value_length")?.is_some_and(|len| len != head_len) {
            return Err(bad(self.key("attention.value_length"), head_len, "keys and values must be equally long"));
        }
        let window = self.optional_size("attention.sliding_window")?.map(|window| window as u32);
        Ok(DecoderSpec {
            vocab_len: self.vocab_len()?,
            hidden_len,
            head_count,
            kv_head_count,
            head_len,
            feed_forward_len: self.size("feed_forward_length")?,
            context_length: self.size("context_length")? as u32,
            norm_epsilon: self.positive("attention.layer_norm_rms_epsilon", None)?,
            norm_offset: 0.0,
            gate: Gate::Silu,
            embedding_scale: 1.0,
            attention_scale: 1.0 / (head_len as f32).sqrt(),
            attention_softcap: None,
            logit_softcap: None,
            ropes: vec![self.rope(head_len, style)?],
            layers: vec![LayerSpec { rope: 0, window }; self.layer_count()?],
        })
    }

    /// A number that may be absent, and is positive if it is there.
    pub fn optional_positive(&self, name: &str) -> Result<Option<f32>, ArchitectureError> {
        if self.metadata().contains(&self.key(name)) { self.positive(name, None).map(Some) } else { Ok(None) }
    }

    fn rope(&self, head_len: usize, style: RopeStyle) -> Result<RopeSpec, ArchitectureError> {
        let rotated_len = self.optional_size("rope.dimension_count")?.unwrap_or(head_len);
        if !rotated_len.is_multiple_of(2) || rotated_len > head_len {
            return Err(bad(self.key("rope.dimension_count"), rotated_len, "it must be even and within a head"));
        }
        let long = long_rope::in_file(self)?;
        let scaling = match self.metadata().str(&self.key("rope.scaling.type"))? {
            Some("longrope") if long.is_some() => RopeScaling::None,
            // Files from before the type was written have only the factor.
            None => linear(self.positive("rope.scale_linear", Some(1.0))?),
            Some("none") => RopeScaling::None,
            Some("linear") => linear(self.positive("rope.scaling.factor", None)?),
            Some("yarn") => self.yarn()?,
            Some(kind) => return Err(ArchitectureError::UnsupportedRope { kind: kind.to_owned() }),
        };
        Ok(RopeSpec {
            rotated_len,
            theta: self.positive("rope.freq_base", Some(10_000.0))?,
            style,
            scaling,
            factors: self.file.tensor(ROPE_FACTORS).map(|_| ROPE_FACTORS.to_owned()),
            long,
        })
    }
}

fn linear(factor: f32) -> RopeScaling {
    if factor == 1.0 { RopeScaling::None } else { RopeScaling::Linear(factor) }
}

/// Frequencies of more turns than this within the original context stay as they are ..
pub const YARN_BETA_FAST: f32 = 32.0;
/// .. and those of fewer turns than this are divided, where the file does not say otherwise.
pub const YARN_BETA_SLOW: f32 = 1.0;

impl Keys<'_> {
    fn yarn(&self) -> Result<RopeScaling, ArchitectureError> {
        let factor = self.positive("rope.scaling.factor", None)?;
        if factor < 1.0 {
            return Err(bad(self.key("rope.scaling.factor"), factor, "it must be at least 1"));
        }
        Ok(RopeScaling::Yarn {
            factor,
            beta_fast: self.positive("rope.scaling.yarn_beta_fast", Some(YARN_BETA_FAST))?,
            beta_slow: self.positive("rope.scaling.yarn_beta_slow", Some(YARN_BETA_SLOW))?,
            attention_factor: self.positive("rope.scaling.attn_factor", Some(1.0))?,
            original_context: self.size("rope.scaling.original_context_length")? as u32,
        })
    }
}

/// The names that most architectures' files use; without `output.weight`, the embedding table is the output matrix.
pub fn usual_tensors(file: &GgufFile, layer_count: usize) -> DecoderTensors {
    let output = "output.weight";
    DecoderTensors {
        embedding: "token_embd.weight".into(),
        output_norm: "output_norm.weight".into(),
        output: file.tensor(output).map(|_| output.into()),
        layers: (0..layer_count).map(|layer| usual_layer(file, layer)).collect(),
    }
}

/// The parts that a layer may lack are left out where the file has none.
fn usual_layer(file: &GgufFile, layer: usize) -> LayerTensors {
    let name = |part: &str| format!("blk.{layer}.{part}");
    let all = |parts: &[&str]| parts.iter().map(|part| name(part)).collect::<Vec<_>>();
    let has = |name: &String| file.tensor(name).is_some();
    let optional = |part: &str| Some(name(part)).filter(has);
    let biases = all(&["attn_q.bias", "attn_k.bias", "attn_v.bias"]);
    let norms = [name("attn_q_norm.weight"), name("attn_k_norm.weight")];
    LayerTensors {
        attention_norm: name("attn_norm.weight"),
        qkv: all(&["attn_q.weight", "attn_k.weight", "attn_v.weight"]),
        qkv_bias: biases.iter().any(has).then_some(biases),
        head_norms: norms.iter().any(has).then_some(norms),
        attention_output: name("attn_output.weight"),
        post_attention_norm: optional("post_attention_norm.weight"),
        feed_forward_norm: name("ffn_norm.weight"),
        gate_up: all(&["ffn_gate.weight", "ffn_up.weight"]),
        down: name("ffn_down.weight"),
        post_feed_forward_norm: optional("post_ffw_norm.weight"),
    }
}
