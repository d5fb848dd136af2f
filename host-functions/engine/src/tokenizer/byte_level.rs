//! Byte-level BPE: every byte has a printable character, and pieces are strings of those.

use super::error::TokenizerError;
use super::pre_tokenizer::PreTokenizer;
use super::vocabulary::{TokenType, Vocabulary};
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior};

/// The character that stands for each byte: itself where it is printable Latin-1, else one from U+0100 on.
const BYTE_CHARS: [char; 256] = {
    let mut chars = ['\0'; 256];
    let (mut byte, mut substitute) = (0u8, 0x100u32);
    loop {
        let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
        chars[byte as usize] = if printable { byte as char } else { char::from_u32(substitute).expect("below U+0200") };
        substitute += !printable as u32;
        if byte == u8::MAX {
            break chars;
        }
        byte += 1;
    }
};

/// The bytes that [`BYTE_CHARS`] maps to U+0100 and on, in that order.
const SUBSTITUTED: [u8; 68] = {
    let mut bytes = [0; 68];
    let mut byte = 0;
    while byte < 256 {
        let c = BYTE_CHARS[byte] as usize;
        if c >= 0x100 {
            bytes[c - 0x100] = byte as u8;
        }
        byte += 1;
    }
    bytes
};

/// The bytes a piece stands for. A piece with a character that stands for no byte is literal text.
pub(super) fn piece_bytes(piece: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = piece.chars().map(char_byte).collect();
    bytes.unwrap_or_else(|| piece.as_bytes().to_vec())
}

fn char_byte(c: char) -> Option<u8> {
    match u8::try_from(c) {
        Ok(byte) => (BYTE_CHARS[usize::from(byte)] == c).then_some(byte),
        Err(_) => SUBSTITUTED.get((c as usize).checked_sub(0x100)?).copied(),
    }
}

/// Bytes that occur in UTF-8 and that the vocabulary has no piece for.
pub(super) fn missing_bytes(has: impl Fn(&str) -> bool) -> Vec<u8> {
    let in_utf8 = |byte: &u8| !matches!(byte, 0xC0 | 0xC1 | 0xF5..);
    (0..=255).filter(in_utf8).filter(|&byte| !has(BYTE_CHARS[usize::from(byte)].encode_utf8(&mut [0; 4]))).collect()
}

/// The pipeline for a GGUF vocabulary. Control tokens are no part of it, so that no text reaches them.
pub(super) fn pipeline(vocabulary: &Vocabulary, pre: &PreTokenizer) -> Result<tokenizers::Tokenizer, TokenizerError> {
    let reachable = |kind: TokenType| !matches!(kind, TokenType::Control | TokenType::Unknown);
    let texts = vocabulary.tokens.iter().zip(&vocabulary.token_types);
    let vocab: Vocab =
        (0..).zip(texts).filter(|(_, (_, kind))| reachable(**kind)).map(|(id, (text, _))| (text.clone(), id)).collect();
    let merges = vocabulary.merges.iter().enumerate().map(|(rank, merge)| {
        let bad = || TokenizerError::BadMerge { rank, merge: merge.clone() };
        // A blank inside a piece is written as its own character, so that the first blank after the
        // first character separates.
        let first = merge.chars().next().map_or(0, char::len_utf8);
        let gap = first + merge.get(first..).and_then(|rest| rest.find(' ')).ok_or_else(bad)?;
        let (left, right) = (&merge[..gap], &merge[gap + 1..]);
        let known =
            vocab.contains_key(left) && vocab.contains_key(right) && vocab.contains_key(&format!("{left}{right}"));
        if known { Ok((left.to_owned(), right.to_owned())) } else { Err(bad()) }
    });
    let merges: Merges = merges.collect::<Result<_, _>>()?;
    let model =
        BPE::builder().vocab_and_merges(vocab, merges).ignore_merges(pre.ignore_merges).build().map_err(json)?;
    let mut steps = Vec::with_capacity(pre.patterns.len() + 1);
    for &pattern in pre.patterns {
        let split = Split::new(SplitPattern::Regex(pattern.to_owned()), SplitDelimiterBehavior::Isolated, false);
        steps.push(PreTokenizerWrapper::Split(split.map_err(json)?));
    }
    steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)));
    let mut pipeline = tokenizers::Tokenizer::new(model);
    if pre.compose {
        pipeline.with_normalizer(Some(NFC)).map_err(json)?;
    }
    pipeline.with_pre_tokenizer(Some(Sequence::new(steps)));
    let literal =
        vocabulary.of_type(TokenType::UserDefined).map(|(_, text)| AddedToken::from(text, false).normalized(false));
    pipeline.add_tokens(literal).map_err(json)?;
    Ok(pipeline)
}

fn json(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Json(error.to_string())
}
