//! The shape of an encoder, whatever its architecture is called: a transformer that reads a text as a whole and gives
//! one vector for it.
//!
//! Beside a [`DecoderSpec`](crate::spec::DecoderSpec): positions and segments are learned vectors instead of rotations,
//! norms subtract the mean and come behind what they norm, every matrix has a bias, the feed-forward layer has no gate,
//! and every position sees every other.

use std::collections::HashSet;

use realm_kernels::Gate;

/// Sizes and constants of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderSpec {
    pub vocab_len: usize,
    pub hidden_len: usize,
    pub head_count: usize,
    /// Values per head.
    pub head_len: usize,
    pub feed_forward_len: usize,
    /// Positions that have a vector: the longest text there can be, in tokens.
    pub position_count: usize,
    /// Segments that have a vector. A single text is all in the first.
    pub segment_count: usize,
    pub norm_epsilon: f32,
    /// Between the two matrices of a feed-forward layer.
    pub activation: Gate,
    pub sentence: SentenceSpec,
}

/// How a text becomes tokens, and the hidden states of its tokens one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct SentenceSpec {
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// Texts are cut to so many tokens, the ones around them included.
    pub tokens_max: u32,
    /// Whether texts are written in small letters first, beside what the tokenizer does.
    pub lowercase: bool,
}

/// Which hidden states make the vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean of all.
    Mean,
    /// That of the first token, `[CLS]`.
    Cls,
}

impl Pooling {
    /// Its name in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }
}

/// The names of an encoder's tensors in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderTensors {
    pub words: String,
    pub positions: String,
    pub segments: String,
    pub embedding_norm: Affine,
    pub layers: Vec<EncoderLayerTensors>,
}

/// The names of a weight, of a matrix or a norm, and of its bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    pub weight: String,
    pub bias: String,
}

/// The names of a layer's tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderLayerTensors {
    /// Query, key and value.
    pub qkv: [Affine; 3],
    pub attention_output: Affine,
    pub attention_norm: Affine,
    pub up: Affine,
    pub down: Affine,
    pub output_norm: Affine,
}

impl Affine {
    /// `<name>.weight` and `<name>.bias`.
    pub fn named(name: impl std::fmt::Display) -> Self {
        Self { weight: format!("{name}.weight"), bias: format!("{name}.bias") }
    }
}

impl EncoderTensors {
    /// The first of `names` that is not one of these tensors: part of a model that the spec does not describe.
    pub fn first_stranger<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let layers = self.layers.iter().flat_map(|layer| {
            let rest = [&layer.attention_output, &layer.attention_norm, &layer.up, &layer.down, &layer.output_norm];
            layer.qkv.iter().chain(rest)
        });
        let affine = layers.chain([&self.embedding_norm]).flat_map(|affine| [&affine.weight, &affine.bias]);
        let known: HashSet<&str> =
            affine.chain([&self.words, &self.positions, &self.segments]).map(String::as_str).collect();
        names.find(|name| !known.contains(name))
    }
}
