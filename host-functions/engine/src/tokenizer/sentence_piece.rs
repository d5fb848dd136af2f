//! SentencePiece's BPE, exactly: pieces grow by joining the neighbours whose union scores best.
//!
//! ```text
//! ▁ h e l l o     every character a symbol
//! ▁ he  l l o     the pair whose union has the best score; of equal scores the leftmost
//! ▁ he  ll  o     ... until no two neighbours make a piece
//! ```
//!
//! Scores cannot be turned into ranked merges without changing some ids: two pairs that make the same
//! piece have one score but two ranks. Hence this file instead of the `tokenizers` crate's BPE.

use super::error::{EncodeError, TokenizerError};
use super::vocabulary::{TokenType, Vocabulary};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// What SentencePiece writes for a blank.
pub(super) const BLANK: char = '\u{2581}';

#[derive(Debug)]
pub(super) struct SentencePiece {
    /// What text may become. Control, unknown, unused and byte tokens are absent, so that no text reaches them.
    pieces: HashMap<Box<str>, (u32, f32)>,
    /// User-defined pieces with a blank in them, which match text only once its blanks are written as such.
    frozen: Vec<Box<str>>,
    bytes: Option<Box<[u32; 256]>>,
    unknown: Option<u32>,
    piece_bytes_max: usize,
}

/// A stretch of the text that is one piece so far; a list, linked both ways. Length 0: joined to its left.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    len: usize,
    previous: usize,
    next: usize,
    frozen: bool,
}

/// The end of the symbol list, on both sides.
const NONE: usize = usize::MAX;

/// Two neighbours that could be joined, as they were when this was found.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    len: usize,
}

impl SentencePiece {
    pub fn new(vocabulary: &Vocabulary) -> Result<Self, TokenizerError> {
        let mut pieces: HashMap<Box<str>, _> = HashMap::new();
        let texts = vocabulary.tokens.iter().zip(&vocabulary.scores).zip(&vocabulary.token_types);
        for (id, ((text, &score), kind)) in (0..).zip(texts) {
            if matches!(kind, TokenType::Normal | TokenType::UserDefined) && !text.is_empty() {
                pieces.entry(text.as_str().into()).or_insert((id, score));
            }
        }
        let mut frozen: Vec<Box<str>> =
            vocabulary.of_type(TokenType::UserDefined).map(|(_, text)| text.into()).collect();
        frozen.retain(|text| text.contains(BLANK));
        frozen.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let bytes = byte_tokens(vocabulary);
        if let (Err(byte), None) = (&bytes, vocabulary.unknown) {
            return Err(TokenizerError::NoFallback { byte: *byte });
        }
        let piece_bytes_max = pieces.keys().map(|text| text.len()).max().unwrap_or(0);
        Ok(Self { pieces, frozen, bytes: bytes.ok(), unknown: vocabulary.unknown, piece_bytes_max })
    }

    /// Whether every byte has a token, so that no text is unknown.
    pub fn has_byte_tokens(&self) -> bool {
        self.bytes.is_some()
    }

    /// Appends the ids of `text`, in which blanks are already written as [`BLANK`].
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) -> Result<(), EncodeError> {
        let mut symbols = self.symbols(text);
        let mut pairs = BinaryHeap::new();
        for left in 0..symbols.len().saturating_sub(1) {
            pairs.extend(self.pair(text, &symbols, left, left + 1));
        }
        while let Some(pair) = pairs.pop() {
            let (left, right) = (symbols[pair.left], symbols[pair.right]);
            // One of the two has been joined to something else since.
            if left.len == 0 || right.len == 0 || left.len + right.len != pair.len {
                continue;
            }
            symbols[pair.left].len = pair.len;
            symbols[pair.left].next = right.next;
            symbols[pair.right].len = 0;
            if right.next != NONE {
                symbols[right.next].previous = pair.left;
                pairs.extend(self.pair(text, &symbols, pair.left, right.next));
            }
            if left.previous != NONE {
                pairs.extend(self.pair(text, &symbols, left.previous, pair.left));
            }
        }
        for symbol in symbols.iter().filter(|symbol| symbol.len > 0) {
            self.emit(&text[symbol.start..symbol.start + symbol.len], ids)?;
        }
        Ok(())
    }

    /// One symbol a character, except for user-defined pieces, which stay whole.
    fn symbols(&self, text: &str) -> Vec<Symbol> {
        let mut symbols = Vec::with_capacity(text.len());
        let mut start = 0;
        while let Some(first) = text[start..].chars().next() {
            let whole = self.frozen.iter().find(|frozen| text[start..].starts_with(&***frozen));
            let len = whole.map_or(first.len_utf8(), |frozen| frozen.len());
            let at = symbols.len();
            symbols.push(Symbol { start, len, previous: at.wrapping_sub(1), next: at + 1, frozen: whole.is_some() });
            start += len;
        }
        if let Some(last) = symbols.last_mut() {
            last.next = NONE;
        }
        symbols
    }

    fn pair(&self, text: &str, symbols: &[Symbol], left: usize, right: usize) -> Option<Pair> {
        let (first, second) = (symbols[left], symbols[right]);
        let len = first.len + second.len;
        if first.frozen || second.frozen || len > self.piece_bytes_max {
            return None;
        }
        let &(_, score) = self.pieces.get(&text[first.start..first.start + len])?;
        Some(Pair { score, left, right, len })
    }

    fn emit(&self, piece: &str, ids: &mut Vec<u32>) -> Result<(), EncodeError> {
        if let Some(&(id, _)) = self.pieces.get(piece) {
            ids.push(id);
        } else if let Some(bytes) = &self.bytes {
            ids.extend(piece.bytes().map(|byte| bytes[usize::from(byte)]));
        } else if let Some(unknown) = self.unknown {
            // A run of unknown characters is one unknown token.
            if ids.last() != Some(&unknown) {
                ids.push(unknown);
            }
        } else {
            let byte = piece.bytes().next().unwrap_or(0);
            return Err(EncodeError::Inexpressible { byte });
        }
        Ok(())
    }
}

/// The ids of `<0x00>` to `<0xFF>`, or the first byte that has none.
fn byte_tokens(vocabulary: &Vocabulary) -> Result<Box<[u32; 256]>, u8> {
    let mut found = [None; 256];
    for (id, text) in vocabulary.of_type(TokenType::Byte) {
        if let Some(byte) = byte_value(text) {
            found[usize::from(byte)] = Some(id);
        }
    }
    let mut ids = Box::new([0; 256]);
    for (byte, (id, found)) in (0..=255).zip(ids.iter_mut().zip(found)) {
        *id = found.ok_or(byte)?;
    }
    Ok(ids)
}

/// The byte that `<0xNN>` stands for.
pub(super) fn byte_value(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() == 2 { u8::from_str_radix(digits, 16).ok() } else { None }
}

// The heap gives the best score first and, of equals, the leftmost pair.
impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}
