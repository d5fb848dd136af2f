//! What a generation is asked for, what it streams, and what it answers.

use super::{F32, H256, LogitBias, Milli, NanoUsd, SignedMilli, TokenLogprob};
use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// How to generate. Everything is optional; the defaults are the runtime's and are written here.
#[derive(Clone, Default, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct GenerateOptions {
    /// At most this many new tokens. Default 256, or what the context still holds if that is less.
    pub max_tokens: Option<u32>,
    /// Sampling temperature in thousandths, 0 to 2; 0 is greedy. Default 0.8.
    pub temperature: Option<Milli>,
    /// Keep the k most likely tokens; 0 keeps all. Default 40.
    pub top_k: Option<u32>,
    /// Keep the smallest set of tokens with this probability together, above 0 to 1. Default 0.95.
    pub top_p: Option<Milli>,
    /// Keep tokens at least this likely relative to the likeliest, 0 to 1. Default 0 (off).
    pub min_p: Option<Milli>,
    /// Divide the logits of tokens seen before by this, above 0 to 10. Default 1 (off).
    pub repetition_penalty: Option<Milli>,
    /// Subtract this once from the logit of every token generated before, -2 to 2. Default 0.
    pub presence_penalty: Option<SignedMilli>,
    /// Subtract this for each time a token was generated before, -2 to 2. Default 0.
    pub frequency_penalty: Option<SignedMilli>,
    /// Add to the logits of these tokens.
    pub logit_bias: Option<Vec<LogitBias>>,
    /// Seed of the draws: the same inputs and seed give the same tokens. Default: the node draws one and the result tells it.
    pub seed: Option<u64>,
    /// End at the first of these texts, which is not part of the answer. The model's own end tokens always end.
    pub stop: Option<Vec<String>>,
    /// Give each token's log-probability, and those of this many likeliest alternatives (0 to 20).
    pub logprobs: Option<u32>,
    /// Guess up to this many tokens ahead (0 to 16) from what stood in the text before, and check them in one pass:
    /// faster where an answer repeats its prompt. The tokens are the same with any value. Default 0.
    pub speculation: Option<u32>,
}

/// Why a generation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub enum FinishReason {
    /// The model ended its answer, or a stop text was met.
    Stop,
    /// `max_tokens` were generated, or the context was full.
    Length,
}

/// Which code and weights made an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct Receipt {
    /// blake2-256 of the runtime blob.
    pub code_hash: H256,
    /// Hash of the model file.
    pub model_hash: H256,
    /// The runtime's `spec_version`.
    pub spec_version: u32,
}

/// The answer to a generation.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct GenerateResult {
    /// The generated text, without the prompt and without the stop text.
    pub text: String,
    /// Tokens generated, the end token not counted.
    pub tokens_generated: u32,
    /// Tokens of the prompt, beginning-of-sequence token included.
    pub prompt_tokens: u32,
    /// Tokens of the prompt that were found in the cache and not computed again.
    pub cached_tokens: u32,
    /// Why the generation ended.
    pub finish_reason: FinishReason,
    /// What the call cost by the tenant's prices.
    pub cost_usd: NanoUsd,
    /// The seed the draws were made with.
    pub seed: u64,
    /// Which code and weights made it.
    pub receipt: Receipt,
    /// One entry per generated token, if `logprobs` was asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
}

/// One item of a stream of tokens: text that became certain. Usually one token; more when a token
/// ends inside a character, or when the text could have been the beginning of a stop text.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct TokenEvent {
    /// The text to append.
    pub token: String,
    /// Index of the last generated token this text comes from, counted from 0. Increases with every event.
    pub index: u32,
    /// Natural logarithm of that token's probability, before temperature and filters.
    pub logprob: Option<F32>,
    /// One entry per token this text comes from, if `logprobs` was asked for.
    pub logprobs: Option<Vec<TokenLogprob>>,
}
