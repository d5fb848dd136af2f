//! From tokens back to text, all at once or as they come.

use std::sync::Arc;

/// What each token stands for, in bytes; control tokens stand for nothing.
#[derive(Debug)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// Where each token's bytes end; they begin where the one before ends.
    ends: Vec<usize>,
    /// A text's first blank is an artefact of encoding and is dropped.
    strip_first_blank: bool,
}

impl Pieces {
    pub fn new(pieces: impl IntoIterator<Item = Vec<u8>>, strip_first_blank: bool) -> Self {
        let mut bytes = Vec::new();
        let ends = pieces.into_iter().map(|piece| {
            bytes.extend_from_slice(&piece);
            bytes.len()
        });
        let ends = ends.collect();
        Self { bytes, ends, strip_first_blank }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the longest token.
    pub fn longest(&self) -> usize {
        (0..self.len() as u32).map(|token| self.get(token).len()).max().unwrap_or(0)
    }

    /// The bytes of a token; none for an id outside the vocabulary.
    pub fn get(&self, token: u32) -> &[u8] {
        let token = token as usize;
        let Some(&end) = self.ends.get(token) else { return &[] };
        let start = if token == 0 { 0 } else { self.ends[token - 1] };
        &self.bytes[start..end]
    }

    /// Bytes of these tokens' pieces, one after another.
    pub fn joined_len(&self, tokens: &[u32]) -> u64 {
        tokens.iter().map(|&token| self.get(token).len() as u64).sum()
    }

    pub fn decode(&self, tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|&token| self.get(token)).copied().collect();
        let text = match bytes.strip_prefix(b" ") {
            Some(rest) if self.strip_first_blank => rest,
            _ => &bytes,
        };
        String::from_utf8_lossy(text).into_owned()
    }
}

/// Turns tokens into text as they come.
///
/// What it returns is always whole characters: the bytes of one that is not complete are held back, at
/// most three of them. Bytes that can be part of no character become U+FFFD. All texts returned by
/// [`push`](Self::push) and [`finish`](Self::finish), joined, are what decoding all tokens at once gives.
///
/// Where the vocabulary puts a blank before a text's first word, that blank is dropped. A caller who
/// continues a text pushes the last tokens of the prompt first and discards what comes back, so that the
/// blank before the first new word is kept.
#[derive(Clone, Debug)]
pub struct Detokenizer {
    pieces: Arc<Pieces>,
    /// The beginning of a character whose rest has not come: at most 3 bytes between calls.
    tail: Vec<u8>,
    at_start: bool,
}

impl Detokenizer {
    pub(super) fn new(pieces: Arc<Pieces>) -> Self {
        let at_start = pieces.strip_first_blank;
        Self { pieces, tail: Vec::new(), at_start }
    }

    /// Takes a token and returns the text that is now certain, which may be empty. Control tokens and ids
    /// outside the vocabulary have no text.
    pub fn push(&mut self, token: u32) -> String {
        let mut piece = self.pieces.get(token);
        if self.at_start && !piece.is_empty() {
            self.at_start = false;
            piece = piece.strip_prefix(b" ").unwrap_or(piece);
        }
        self.tail.extend_from_slice(piece);
        let mut text = String::new();
        let mut done = 0;
        for chunk in self.tail.utf8_chunks() {
            text.push_str(chunk.valid());
            done += chunk.valid().len();
            let invalid = chunk.invalid();
            // An error at the very end that more bytes could still mend is held back.
            let unfinished = done + invalid.len() == self.tail.len() && could_continue(invalid);
            if !invalid.is_empty() && !unfinished {
                text.push(char::REPLACEMENT_CHARACTER);
                done += invalid.len();
            }
        }
        self.tail.drain(..done);
        text
    }

    /// The text that was held back: empty, or U+FFFD for a character that never became whole.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }
}

/// Whether these bytes are a proper prefix of some character.
fn could_continue(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
