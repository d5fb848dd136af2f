//! Tokens, sessions, logits and samplers: what a decode loop is written with. Handles are good for
//! this call and free what they hold when dropped.

use super::{HostError, memory, raw};
use crate::{ChatMessage, LogitBias, ModelFacts, SamplingParams, TokenLogprob, abi::flag};
use alloc::{string::String, vec, vec::Vec};
use parity_scale_codec::Encode;

/// What the host says about the tenant's model.
pub fn model_info() -> Result<ModelFacts, HostError> {
    // SAFETY: takes no pointers.
    memory::decoded(unsafe { raw::model_info() })
}

/// Tokens of a text, with those that the model wants at the beginning. The text never becomes a control token.
pub fn tokenize(text: &str) -> Result<Vec<u32>, HostError> {
    let (ptr, len) = memory::parts(text.as_bytes());
    // SAFETY: pointer and length of a live slice.
    memory::words(unsafe { raw::tokenize(ptr, len, flag::TOKENIZE_SPECIAL) })
}

/// Text of tokens, control tokens left out.
pub fn detokenize(tokens: &[u32]) -> Result<String, HostError> {
    let (ptr, count) = memory::parts(tokens);
    // SAFETY: pointer and count of a live slice.
    memory::text(unsafe { raw::detokenize(ptr, count) })
}

/// Tokens of a conversation by the model's chat template, ready for the assistant's answer. Text in
/// a message never becomes a control token.
pub fn chat_tokens(messages: &[ChatMessage]) -> Result<Vec<u32>, HostError> {
    let bytes = messages.encode();
    let (ptr, len) = memory::parts(&bytes);
    // SAFETY: pointer and length of a live slice.
    memory::words(unsafe { raw::chat_tokens(ptr, len, flag::CHAT_GENERATION_PROMPT) })
}

/// Whether the model ends an answer with this token.
pub fn is_end_token(token: u32) -> Result<bool, HostError> {
    // SAFETY: takes no pointers.
    memory::checked(unsafe { raw::is_end_token(token) }).map(|end| end == 1)
}

/// The embedding vector of a text.
pub fn embed_pooled(text: &str) -> Result<Vec<f32>, HostError> {
    let (ptr, len) = memory::parts(text.as_bytes());
    // SAFETY: pointer and length of a live slice.
    memory::words(unsafe { raw::embed_pooled(ptr, len) }).map(|bits| bits.into_iter().map(f32::from_bits).collect())
}

/// Turns tokens into text as they come; never gives half a character.
#[derive(Debug)]
pub struct Detokenizer(u32);

impl Detokenizer {
    /// A new one, at the beginning of a text.
    pub fn open() -> Result<Self, HostError> {
        // SAFETY: takes no pointers.
        memory::checked(unsafe { raw::detokenizer_open() }).map(Detokenizer)
    }

    /// The text that became certain with this token; maybe empty.
    pub fn push(&mut self, token: u32) -> Result<String, HostError> {
        // SAFETY: takes no pointers.
        memory::text(unsafe { raw::detokenizer_push(self.0, token) })
    }

    /// What it still held back.
    pub fn finish(self) -> Result<String, HostError> {
        // SAFETY: takes no pointers.
        memory::text(unsafe { raw::detokenizer_finish(self.0) })
    }
}

/// A sequence in the KV cache.
#[derive(Debug)]
pub struct Session(u32);

impl Session {
    /// An empty sequence, or one that already holds as much of `prompt` as the cache does; never all of it.
    pub fn open(prompt: &[u32]) -> Result<Self, HostError> {
        let (ptr, count) = memory::parts(prompt);
        // SAFETY: pointer and count of a live slice.
        memory::checked(unsafe { raw::session_open(ptr, count) }).map(Session)
    }

    /// Tokens it holds.
    pub fn token_count(&self) -> Result<u32, HostError> {
        // SAFETY: takes no pointers.
        memory::checked(unsafe { raw::session_len(self.0) })
    }

    /// Runs the model over more tokens and gives the logits after the last of them.
    pub fn forward(&mut self, tokens: &[u32]) -> Result<Logits, HostError> {
        let (ptr, count) = memory::parts(tokens);
        // SAFETY: pointer and count of a live slice.
        memory::checked(unsafe { raw::session_forward(self.0, ptr, count, 0) }).map(Logits)
    }

    /// Runs the model over more tokens and gives the logits after each of them.
    pub fn forward_all(&mut self, tokens: &[u32]) -> Result<Logits, HostError> {
        let (ptr, count) = memory::parts(tokens);
        // SAFETY: pointer and count of a live slice.
        memory::checked(unsafe { raw::session_forward(self.0, ptr, count, flag::FORWARD_ALL_ROWS) }).map(Logits)
    }

    /// Forgets everything after the first `token_count` tokens.
    pub fn truncate(&mut self, token_count: u32) -> Result<(), HostError> {
        // SAFETY: takes no pointers.
        memory::checked(unsafe { raw::session_truncate(self.0, token_count) }).map(drop)
    }

    /// Another session with the same tokens.
    pub fn fork(&self) -> Result<Session, HostError> {
        // SAFETY: takes no pointers.
        memory::checked(unsafe { raw::session_fork(self.0) }).map(Session)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: takes no pointers. A handle that the host no longer knows is no leak.
        let _ = unsafe { raw::session_drop(self.0) };
    }
}

/// Rows of logits, one per token asked for.
#[derive(Debug)]
pub struct Logits(u32);

impl Logits {
    /// How many rows.
    pub fn rows(&self) -> Result<u32, HostError> {
        // SAFETY: takes no pointers.
        memory::checked(unsafe { raw::logits_rows(self.0) })
    }

    /// One row, `vocabulary_length` long.
    pub fn read(&self, row: u32, vocabulary_length: u32) -> Result<Vec<f32>, HostError> {
        let mut values = vec![0f32; vocabulary_length as usize];
        // SAFETY: pointer and length of a live, exclusively borrowed buffer.
        memory::checked(unsafe { raw::logits_read(self.0, row, values.as_mut_ptr() as u32, vocabulary_length * 4) })?;
        Ok(values)
    }

    /// Adds to some logits of a row.
    pub fn bias(&mut self, row: u32, bias: &[LogitBias]) -> Result<(), HostError> {
        let bytes = bias.encode();
        let (ptr, len) = memory::parts(&bytes);
        // SAFETY: pointer and length of a live slice.
        memory::checked(unsafe { raw::logits_bias(self.0, row, ptr, len) }).map(drop)
    }
}

impl Drop for Logits {
    fn drop(&mut self) {
        // SAFETY: takes no pointers. A handle that the host no longer knows is no leak.
        let _ = unsafe { raw::logits_drop(self.0) };
    }
}

/// Draws tokens from logits, repeatably by its seed.
#[derive(Debug)]
pub struct Sampler(u32);

impl Sampler {
    /// A sampler with these parameters.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the parameter and its bounds.
    pub fn open(params: &SamplingParams) -> Result<Self, HostError> {
        let bytes = params.encode();
        let (ptr, len) = memory::parts(&bytes);
        // SAFETY: pointer and length of a live slice.
        memory::checked(unsafe { raw::sampler_open(ptr, len) }).map(Sampler)
    }

    /// Tells it of tokens that came before, for the repetition penalty.
    pub fn accept(&mut self, tokens: &[u32]) -> Result<(), HostError> {
        let (ptr, count) = memory::parts(tokens);
        // SAFETY: pointer and count of a live slice.
        memory::checked(unsafe { raw::sampler_accept(self.0, ptr, count) }).map(drop)
    }

    /// Draws a token from a row of logits and remembers it.
    pub fn sample_token(&mut self, logits: &Logits, row: u32) -> Result<u32, HostError> {
        // SAFETY: takes no pointers.
        memory::checked(unsafe { raw::sample_token(self.0, logits.0, row) })
    }

    /// Log-probabilities of the last draw, if the parameters asked for them.
    pub fn logprob(&self) -> Result<TokenLogprob, HostError> {
        // SAFETY: takes no pointers.
        memory::decoded(unsafe { raw::sampled_logprob(self.0) })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        // SAFETY: takes no pointers. A handle that the host no longer knows is no leak.
        let _ = unsafe { raw::sampler_drop(self.0) };
    }
}
