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

use alloc::vec::Vec;
use realm_primitives::host::{
    HostError,
    inference::{Logits, Sampler, Session},
};

/// Tokens that must agree before what followed them is guessed: the most that are tried first.
const MATCH_TOKENS_MAX: usize = 3;
/// A single equal token says too little.
const MATCH_TOKENS_MIN: usize = 2;
/// How far back is looked. Bounds the work per token.
const LOOK_BACK_TOKENS: usize = 4096;

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
        self.logits = match self.drafted.is_empty() {
            true => self.session.forward(&[token])?,
            false => self.session.forward_all(&[&[token], self.drafted.as_slice()].concat())?,
        };
        Ok(())
    }
}

/// What followed the last time that the text's last tokens stood in it, at most `len_max` tokens.
fn draft(known: &[u32], len_max: usize) -> Vec<u32> {
    if len_max == 0 {
        return Vec::new();
    }
    let text = &known[known.len().saturating_sub(LOOK_BACK_TOKENS)..];
    for match_len in (MATCH_TOKENS_MIN..=MATCH_TOKENS_MAX).rev() {
        let Some(before_end) = text.len().checked_sub(1).filter(|len| *len >= match_len) else { continue };
        let ending = &text[text.len() - match_len..];
        if let Some(at) = text[..before_end].windows(match_len).rposition(|window| window == ending) {
            let follows = &text[at + match_len..];
            return follows[..follows.len().min(len_max)].to_vec();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::draft;

    #[test]
    fn what_followed_the_last_time_is_guessed() {
        let check = |known: &[u32], len_max, expected: &[u32]| assert_eq!(draft(known, len_max), expected, "{known:?}");
        check(&[], 4, &[]);
        check(&[1], 4, &[]);
        check(&[1, 2], 4, &[]);
        check(&[1, 2, 3, 4], 4, &[]);
        // Two equal tokens are enough, the longer match is preferred, and of equals the last.
        check(&[1, 2, 9, 8, 1, 2], 4, &[9, 8, 1, 2]);
        check(&[1, 2, 9, 8, 1, 2], 1, &[9]);
        check(&[1, 2, 9, 8, 1, 2], 0, &[]);
        check(&[5, 1, 2, 7, 6, 1, 2, 8, 5, 1, 2], 1, &[7]);
        check(&[1, 2, 7, 1, 2, 8, 3, 1, 2], 1, &[8]);
        // A run overlaps itself.
        check(&[4, 4, 4], 3, &[4]);
        check(&[4, 4, 4, 4], 3, &[4]);
        // One equal token is not.
        check(&[1, 2, 3, 2], 4, &[]);
    }
}
