//! A small SentencePiece-style vocabulary with byte fallback.
//!
//! ```text
//! 0 <unk>  1 <s>  2 </s>  3..=258 <0x00>..<0xFF>  then pieces, best score first  ..  <|im_start|> <|im_end|>
//! ```
//! Every piece can be reached by merging two shorter ones, so the usual merge algorithm finds them; anything outside
//! the pieces falls back to bytes.

use std::collections::HashSet;

/// Id of the unknown token.
pub const UNKNOWN: u32 = 0;
/// Id of the beginning-of-sequence token.
pub const BOS: u32 = 1;
/// Id of the end-of-sequence token.
pub const EOS: u32 = 2;
/// The control token that opens a turn of a conversation; the last id but one.
pub const START_OF_TURN: &str = "<|im_start|>";
/// The control token that ends a turn of a conversation; the last id.
pub const END_OF_TURN: &str = "<|im_end|>";
/// The fewest tokens a vocabulary can have: specials, bytes, printable ASCII and the turn tokens.
pub const VOCABULARY_LEN_MIN: usize = 3 + 256 + CHARACTERS_LEN + 2;

/// U+2581 stands for a blank, and the 94 printable characters of ASCII.
const CHARACTERS_LEN: usize = 95;
const BLANK: char = '\u{2581}';

const WORDS: &str = "the a and to of in is was it you that he she they we what who are hello world once upon time \
    there little girl boy ball red big dog cat day park play said want with his her for on not one all my name";

/// Token texts with their scores and GGUF token types (1 normal, 2 unknown, 3 control, 6 byte).
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    pub tokens: Vec<String>,
    pub scores: Vec<f32>,
    pub types: Vec<i32>,
}

impl Vocabulary {
    /// A vocabulary of exactly `len` tokens, or `None` below [`VOCABULARY_LEN_MIN`].
    pub fn new(len: usize) -> Option<Self> {
        let piece_count = len.checked_sub(VOCABULARY_LEN_MIN)?;
        let mut vocabulary = Self { tokens: Vec::new(), scores: Vec::new(), types: Vec::new() };
        vocabulary.push("<unk>".into(), 0.0, 2);
        vocabulary.push("<s>".into(), 0.0, 3);
        vocabulary.push("</s>".into(), 0.0, 3);
        for byte in 0..=255u8 {
            vocabulary.push(format!("<0x{byte:02X}>"), 0.0, 6);
        }
        let characters = std::iter::once(BLANK).chain('!'..='~').map(String::from);
        for (rank, piece) in pieces().take(piece_count).chain(characters).enumerate() {
            vocabulary.push(piece, -(rank as f32), 1);
        }
        vocabulary.push(START_OF_TURN.into(), 0.0, 3);
        vocabulary.push(END_OF_TURN.into(), 0.0, 3);
        Some(vocabulary)
    }

    /// The id of a token with exactly this text.
    pub fn id(&self, text: &str) -> Option<u32> {
        self.tokens.iter().position(|t| t == text).and_then(|i| u32::try_from(i).ok())
    }

    fn push(&mut self, token: String, score: f32, kind: i32) {
        self.tokens.push(token);
        self.scores.push(score);
        self.types.push(kind);
    }
}

/// Pieces of two characters and more without end: first the prefixes of [`WORDS`], then strings over a..z by length.
fn pieces() -> impl Iterator<Item = String> {
    let prefixes = WORDS.split_whitespace().flat_map(|word| {
        let spaced = format!("{BLANK}{word}");
        let ends: Vec<usize> = spaced.char_indices().map(|(i, c)| i + c.len_utf8()).skip(1).collect();
        ends.into_iter().map(move |end| spaced[..end].to_owned())
    });
    let mut seen = HashSet::new();
    prefixes.chain((26u64..).map(letters)).filter(move |piece| piece.chars().count() > 1 && seen.insert(piece.clone()))
}

/// Bijective base 26: 26 -> "aa", 27 -> "ab", .., then three letters and more.
fn letters(number: u64) -> String {
    let mut rest = number + 1;
    let mut reversed = Vec::new();
    while rest > 0 {
        rest -= 1;
        reversed.push((b'a' + (rest % 26) as u8) as char);
        rest /= 26;
    }
    reversed.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_from_the_smallest_has_distinct_tokens() {
        assert_eq!(Vocabulary::new(VOCABULARY_LEN_MIN - 1), None);
        for len in [VOCABULARY_LEN_MIN, 512, 2_048] {
            let vocabulary = Vocabulary::new(len).expect("long enough");
            assert_eq!(vocabulary.tokens.len(), len);
            assert_eq!(vocabulary.tokens.iter().collect::<HashSet<_>>().len(), len);
            assert_eq!(vocabulary.id(END_OF_TURN), Some(len as u32 - 1));
        }
    }

    #[test]
    fn letters_count_like_columns_of_a_sheet() {
        let check = |number, text: &str| assert_eq!(letters(number), text);
        check(26, "aa");
        check(27, "ab");
        check(701, "zz");
        check(702, "aaa");
    }
}
