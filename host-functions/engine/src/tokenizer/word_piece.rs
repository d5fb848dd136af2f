//! WordPiece, as BERT has it. GGUF files mark word beginnings (`▁word`) where BERT's own marks
//! continuations (`##ing`); this file translates back.

use super::error::TokenizerError;
use super::sentence_piece::BLANK;
use super::vocabulary::{TokenType, Vocabulary};
use tokenizers::models::bpe::Vocab;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

/// Marks a piece that continues a word.
const CONTINUES: &str = "##";
const UNKNOWN: &str = "[UNK]";

/// The pipeline for a GGUF vocabulary. Control tokens are no part of it.
pub(super) fn pipeline(vocabulary: &Vocabulary) -> Result<tokenizers::Tokenizer, TokenizerError> {
    let texts = (0..).zip(vocabulary.tokens.iter().zip(&vocabulary.token_types));
    let mut vocab = Vocab::default();
    let mut unknown = vocabulary.unknown;
    for (id, (text, kind)) in texts {
        if text == UNKNOWN {
            unknown = unknown.or(Some(id));
        } else if matches!(kind, TokenType::Normal | TokenType::UserDefined) {
            vocab.insert(original(text), id);
        }
    }
    vocab.insert(UNKNOWN.to_owned(), unknown.ok_or(TokenizerError::Missing(UNKNOWN))?);
    let model = WordPiece::builder().vocab(vocab).unk_token(UNKNOWN.to_owned()).build();
    let broken = |error: tokenizers::Error| TokenizerError::Json(error.to_string());
    let mut pipeline = tokenizers::Tokenizer::new(model.map_err(broken)?);
    pipeline.with_normalizer(Some(BertNormalizer::new(true, true, None, vocabulary.lowercase))).map_err(broken)?;
    pipeline.with_pre_tokenizer(Some(BertPreTokenizer));
    Ok(pipeline)
}

/// A GGUF piece as BERT writes it.
pub(super) fn original(text: &str) -> String {
    match text.strip_prefix(BLANK) {
        Some(word) => word.to_owned(),
        None if text.starts_with('[') && text.ends_with(']') => text.to_owned(),
        None => format!("{CONTINUES}{text}"),
    }
}

/// What BERT's piece adds to a text: words are set off by a blank.
pub(super) fn piece_bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix(CONTINUES) {
        Some(rest) => rest.as_bytes().to_vec(),
        None => format!(" {text}").into_bytes(),
    }
}
