//! The shape of a decoder, whatever its architecture is called and whatever executes it.
//!
//! ```text
//! architecture (names, metadata) ──> DecoderSpec + DecoderTensors ──> executor (cpu, device)
//! ```
//! An architecture file reads metadata and names tensors; it computes nothing. An executor reads this, and knows no
//! architecture.

use std::collections::HashSet;

pub use realm_kernels::{Gate, RopeScaling, RopeStyle};

/// Sizes and constants of a decoder-only transformer with RMS norms, rotary positions and a gated feed-forward layer.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderSpec {
    pub vocab_len: usize,
    pub hidden_len: usize,
    /// Query heads; a multiple of `kv_head_count`.
    pub head_count: usize,
    pub kv_head_count: usize,
    /// Values per head.
    pub head_len: usize,
    pub feed_forward_len: usize,
    /// The longest sequence the model was made for, in tokens.
    pub context_length: u32,
    pub norm_epsilon: f32,
    /// Added to the weights of all norms: some files leave out the 1 that they deviate from.
    pub norm_offset: f32,
    /// The feed-forward gate's activation.
    pub gate: Gate,
    /// Embeddings are multiplied by this.
    pub embedding_scale: f32,
    /// Scores are multiplied by this before the softmax.
    pub attention_scale: f32,
    /// Scores s become `cap * tanh(s / cap)`, if there is a cap.
    pub attention_softcap: Option<f32>,
    /// So do logits.
    pub logit_softcap: Option<f32>,
    /// The kinds of rotation that layers use; most models have one.
    pub ropes: Vec<RopeSpec>,
    /// One for each layer.
    pub layers: Vec<LayerSpec>,
}

/// What layers of one model differ in.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSpec {
    /// The layer's place in [`DecoderSpec::ropes`].
    pub rope: usize,
    /// A position sees only so many: itself and those right before it. `None`: all before it.
    pub window: Option<u32>,
}

/// Rotary positions.
#[derive(Clone, Debug, PartialEq)]
pub struct RopeSpec {
    /// The first values of a head that are rotated; even.
    pub rotated_len: usize,
    pub theta: f32,
    /// Which values of a head are rotated together.
    pub style: RopeStyle,
    pub scaling: RopeScaling,
    /// The tensor of divisors, one per frequency, if there is one. It takes the place of `scaling`.
    pub factors: Option<String>,
    /// LongRoPE, if the model has it. It takes the place of both.
    pub long: Option<LongRope>,
}

/// LongRoPE: divisors for each frequency, others for sequences beyond the context that the model was first trained for.
///
/// Which of the two is used is decided once, by the longest sequence that the engine takes, and not for each sequence:
/// the reference computes all keys of a sequence anew when it grows beyond the first context, whose tokens would then
/// have depended on where the sequence ends.
#[derive(Clone, Debug, PartialEq)]
pub struct LongRope {
    pub original_context: u32,
    /// What cosines and sines are multiplied by.
    pub magnitude: f32,
    /// For contexts up to the original one.
    pub within: Factors,
    /// For longer ones.
    pub beyond: Factors,
}

/// Divisors, one per frequency.
#[derive(Clone, Debug, PartialEq)]
pub enum Factors {
    /// In a tensor of this name.
    Tensor(String),
    Values(Vec<f32>),
}

/// The names of a decoder's tensors in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderTensors {
    pub embedding: String,
    pub output_norm: String,
    /// `None`: the embedding table is the output matrix.
    pub output: Option<String>,
    pub layers: Vec<LayerTensors>,
}

/// The names of a layer's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTensors {
    pub attention_norm: String,
    /// Query, key and value: three matrices, or one in which they are stacked.
    pub qkv: Vec<String>,
    /// Their biases, if they have some, in the same order.
    pub qkv_bias: Option<Vec<String>>,
    /// Norms over the values of each query and each key head.
    pub head_norms: Option<[String; 2]>,
    pub attention_output: String,
    /// A norm over what attention adds to the residual stream, if there is one.
    pub post_attention_norm: Option<String>,
    pub feed_forward_norm: String,
    /// Gate and up: two matrices, or one in which they are stacked.
    pub gate_up: Vec<String>,
    pub down: String,
    /// A norm over what the feed-forward half adds, if there is one.
    pub post_feed_forward_norm: Option<String>,
}

impl LongRope {
    /// The divisors where the longest sequence has `context_length` tokens.
    pub fn factors(&self, context_length: u32) -> &Factors {
        if context_length > self.original_context { &self.beyond } else { &self.within }
    }
}

impl Factors {
    fn tensor(&self) -> Option<&String> {
        match self {
            Self::Tensor(name) => Some(name),
            Self::Values(_) => None,
        }
    }
}

impl DecoderSpec {
    /// Values of all query heads.
    pub fn q_len(&self) -> usize {
        self.head_count * self.head_len
    }

    /// Values of all key heads; the value heads have as many.
    pub fn kv_len(&self) -> usize {
        self.kv_head_count * self.head_len
    }
}

impl DecoderTensors {
    /// The output matrix.
    pub fn output_matrix(&self) -> &str {
        self.output.as_ref().unwrap_or(&self.embedding)
    }

    /// The first of `names` that is not one of these tensors: part of a model that this spec does not describe.
    pub fn first_stranger<'a>(&self, spec: &DecoderSpec, mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let own = [Some(&self.embedding), Some(&self.output_norm), self.output.as_ref()];
        let factors = spec.ropes.iter().flat_map(|rope| {
            let long = rope.long.iter().flat_map(|long| [&long.within, &long.beyond].map(Factors::tensor));
            std::iter::once(rope.factors.as_ref()).chain(long)
        });
        let layers = self.layers.iter().flat_map(LayerTensors::names);
        let known: HashSet<&str> = own.into_iter().chain(factors).flatten().map(String::as_str).chain(layers).collect();
        names.find(|name| !known.contains(name))
    }
}

impl LayerTensors {
    fn names(&self) -> impl Iterator<Item = &str> {
        let single = [&self.attention_norm, &self.attention_output, &self.feed_forward_norm, &self.down];
        let biases = self.qkv_bias.iter().flatten();
        let norms = self.head_norms.iter().flatten();
        let post_norms = self.post_attention_norm.iter().chain(&self.post_feed_forward_norm);
        let many = self.qkv.iter().chain(biases).chain(norms).chain(post_norms).chain(&self.gate_up);
        single.into_iter().chain(many).map(String::as_str)
    }
}
