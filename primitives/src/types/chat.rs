//! Messages of a conversation and the answer to the last one.

use super::{FinishReason, NanoUsd, Receipt, TokenLogprob};
use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// Roles that a message may have. Templates write roles into the names of control tokens (`<|user|>`), so that a free
/// choice of role would be a free choice of control token.
pub const ROLES: [&str; 7] = ["system", "developer", "user", "assistant", "tool", "function", "ipython"];

/// One message of a conversation.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`, or another of [`ROLES`] that the model's chat template knows.
    pub role: String,
    /// The text.
    pub content: String,
}

/// The answer to a chat.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct ChatResult {
    /// The assistant's answer.
    pub text: String,
    /// Turns (a question and its answer) that the conversation now holds; 0 if nothing is remembered.
    pub turns: u32,
    /// Turns that the model was shown before this call and no longer is, because the context was full
    /// and the caller chose `when_full: drop_oldest`.
    pub dropped_turns: u32,
    /// The conversation's name, if it has one.
    pub conversation: Option<String>,
    /// Tokens generated, the end token not counted.
    pub tokens_generated: u32,
    /// Tokens of the rendered prompt.
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
