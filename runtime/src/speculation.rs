//! Forward passes that guess ahead. What follows in a text has often stood in it before: names, code,
//! quotations. So the tokens that followed the last time are given to the model along with the one
//! just sampled, in one pass; those that sampling then confirms are answered without a pass of their
//! own, and the session is cut back to the last confirmed one (prompt lookup decoding: Saxena 2023;
//! speculative decoding: Leviathan et al. 2023).
//!
//! ```text
//!   known     .. the crow had | cheese . The fox ..  the crow had
//!   pass                                             had cheese . The      one forward of 4 tokens
//!   sampled                                              cheese . "        row by row, until one differs
//!   kept                                             had cheese .          session cut to here
//! ```
//!
//! Sampling draws every token from its own row of logits with the number that belongs to its place, and
//! a row does not depend on how tokens are cut into passes. So the answer is the same with any length of
//! draft, greedy or not, token for token: speculation only changes how many passes it takes.

use crate::draft::draft;
use alloc::vec::Vec;
use realm_primitives::host::{
    HostError,
    inference::{Logits, Sampler, Session},
};

/// A session and the logits of its last pass.
pub(crate) struct Passes {
    session: Session,
    logits: Logits,
    /// The row of `logits` that the next token is sampled from.
    row: usize,
    /// Tokens that the last pass guessed: row n follows the first n of them.
    drafted: Vec<u32>,
    /// Prompt and answer so far.
    known: Vec<u32>,
    draft_tokens_max: usize,
    /// Sampled tokens that no pass was given yet.
    unfed_tokens: u32,
    guessed_tokens: u32,
}

impl Passes {
    /// Reads the prompt, of which the session may hold a beginning. `draft_tokens_max` 0 guesses nothing.
    pub fn open(prompt: &[u32], draft_tokens_max: u32) -> Result<(Self, u32), HostError> {
        let mut session = Session::open(prompt)?;
        let cached_tokens = session.token_count()?;
        let logits = session.forward(&prompt[cached_tokens as usize..])?;
        let passes = Passes {
            session,
            logits,
            row: 0,
            drafted: Vec::new(),
            known: prompt.to_vec(),
            draft_tokens_max: draft_tokens_max as usize,
            unfed_tokens: 0,
            guessed_tokens: 0,
        };
        Ok((passes, cached_tokens))
    }

    /// Samples the next token.
    pub fn sample(&self, sampler: &mut Sampler) -> Result<u32, HostError> {
        sampler.sample_token(&self.logits, self.row as u32)
    }

    /// Makes `token`, which was sampled, the last of the text, so that the one after it can be sampled.
    /// `room_tokens`: how many more the answer may hold; nothing beyond is guessed.
    pub fn advance(&mut self, token: u32, room_tokens: u32) -> Result<(), HostError> {
        self.known.push(token);
        self.unfed_tokens += 1;
        if self.drafted.get(self.row) == Some(&token) {
            self.row += 1;
            return Ok(());
        }
        if self.row < self.drafted.len() {
            // All but the token just pushed.
            self.session.truncate(self.known.len() as u32 - 1)?;
        }
        // The last token of the answer is sampled after the last draft.
        let room = (room_tokens as usize).saturating_sub(1).min(self.draft_tokens_max);
        self.drafted = draft(&self.known, room);
        self.row = 0;
        let pass_tokens = 1 + self.drafted.len() as u32;
        let fed = pass_tokens.min(self.unfed_tokens);
        self.unfed_tokens -= fed;
        self.guessed_tokens += pass_tokens - fed;
        self.logits = match self.drafted.is_empty() {
            true => self.session.forward(&[token])?,
            false => self.session.forward_all(&[&[token], self.drafted.as_slice()].concat())?,
        };
        Ok(())
    }
    /// Tokens that were computed on a guess, beyond those of the answer: they cost what a prompt's do. Counted as the
    /// host counts them, which charges each token once that it computes.
    pub fn guessed_tokens(&self) -> u32 {
        self.guessed_tokens
    }
}
