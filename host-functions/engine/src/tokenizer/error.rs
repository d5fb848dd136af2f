//! What can go wrong: building a tokenizer from a model's files, and encoding a text with it.

use crate::gguf::MetadataError;

/// Why no tokenizer could be built.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("tokenizer metadata: {0}")]
    Metadata(#[from] MetadataError),
    #[error("tokenizer model {0:?} is not supported; supported: llama, gpt2, bert")]
    UnknownModel(String),
    #[error("pre-tokenizer {0:?} is not known")]
    UnknownPreTokenizer(String),
    #[error("tokenizer.json: {0}")]
    Json(String),
    #[error(
        "tokenizer.json decodes by {0}, which is not supported; supported: ByteLevel, SentencePiece-like sequences, WordPiece"
    )]
    UnknownDecoder(String),
    #[error("the vocabulary has {found} {what} for {tokens} tokens")]
    CountMismatch { what: &'static str, found: usize, tokens: usize },
    #[error("the vocabulary has {tokens} tokens; at most {max}")]
    TooManyTokens { tokens: usize, max: usize },
    #[error("the vocabulary is empty")]
    Empty,
    #[error("{name} token is {id}; the vocabulary has {tokens} tokens")]
    SpecialOutOfRange { name: &'static str, id: u32, tokens: usize },
    #[error("token {id} has type {value}; types are 1 to 6")]
    UnknownTokenType { id: usize, value: i64 },
    #[error("token {id} has score {score}")]
    ScoreNotFinite { id: usize, score: f32 },
    #[error("merge {rank} ({merge:?}) joins no two tokens to a third")]
    BadMerge { rank: usize, merge: String },
    #[error("the vocabulary has neither an unknown token nor a byte token for {byte:#04x}")]
    NoFallback { byte: u8 },
    #[error("the vocabulary lacks its {0} token")]
    Missing(&'static str),
    #[error("control tokens: {0}")]
    Controls(String),
}

/// Why a text could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("the text has {bytes} bytes; at most {max} can be tokenized at once")]
    TooLong { bytes: usize, max: usize },
    /// The text is so long that it has more tokens than are allowed, however it is tokenised.
    #[error("the text has at least {tokens_min} tokens; at most {tokens_max} are allowed")]
    TooManyTokens { tokens_min: usize, tokens_max: usize },
    #[error("the vocabulary cannot express byte {byte:#04x} of the text")]
    Inexpressible { byte: u8 },
    /// The last line of defence behind keeping control tokens out of the text model's reach.
    #[error("plain text became control token {token}")]
    ControlToken { token: u32 },
    #[error("tokenizer: {0}")]
    Pipeline(String),
}
