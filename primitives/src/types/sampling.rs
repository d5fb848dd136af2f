//! What the sampler is told and what it tells.

use super::{F32, Milli, SignedMilli};
use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// Add `bias` to the logit of `token`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct LogitBias {
    /// Token id of the model's vocabulary.
    pub token: u32,
    /// What to add, -100 to 100.
    pub bias: SignedMilli,
}

/// Everything a sampler needs to know, with the defaults already filled in.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct SamplingParams {
    /// 0 is greedy.
    pub temperature: Milli,
    /// 0 keeps all.
    pub top_k: u32,
    /// 1 keeps all.
    pub top_p: Milli,
    /// 0 keeps all.
    pub min_p: Milli,
    /// 1 changes nothing.
    pub repetition_penalty: Milli,
    /// 0 changes nothing.
    pub presence_penalty: SignedMilli,
    /// 0 changes nothing.
    pub frequency_penalty: SignedMilli,
    /// Added to the logits before anything else.
    pub logit_bias: Vec<LogitBias>,
    /// The draw for the i-th token depends on the seed and i alone.
    pub seed: u64,
    /// `Some(n)`: report the log-probability of each token and of the n likeliest.
    pub logprobs: Option<u32>,
}

impl SamplingParams {
    /// The likeliest token each time, and nothing else: no filter, no penalty, no bias.
    pub fn greedy(seed: u64) -> Self {
        Self {
            temperature: Milli(0),
            top_k: 0,
            top_p: Milli(1_000),
            min_p: Milli(0),
            repetition_penalty: Milli(1_000),
            presence_penalty: SignedMilli(0),
            frequency_penalty: SignedMilli(0),
            logit_bias: Vec::new(),
            seed,
            logprobs: None,
        }
    }
}

/// One candidate token and how likely it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct TokenAlternative {
    /// Token id.
    pub token: u32,
    /// Natural logarithm of its probability under the model.
    pub logprob: F32,
}

/// The log-probability of a sampled token and of the likeliest tokens at its place.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct TokenLogprob {
    /// Token id.
    pub token: u32,
    /// Natural logarithm of its probability under the model, before temperature and filters.
    pub logprob: F32,
    /// The likeliest tokens, most likely first.
    pub top: Vec<TokenAlternative>,
}
