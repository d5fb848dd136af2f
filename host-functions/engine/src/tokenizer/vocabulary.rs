//! A GGUF file's vocabulary as plain data, checked for consistency.
//!
//! [`Vocabulary::from_metadata`] reads the `tokenizer.ggml.*` keys and fills in what the format leaves to
//! convention: which special tokens exist, whether texts begin with one, and which tokens are control
//! tokens although the file does not say so.

use super::error::TokenizerError;
use super::pre_tokenizer::PreTokenizer;
use crate::gguf::Metadata;

/// More tokens than this are refused; the largest vocabularies have about 260,000.
pub const TOKENS_MAX: usize = 1 << 20;

/// How text becomes tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenizerKind {
    /// Pairs of pieces are joined by score; what no piece covers becomes byte tokens. Llama 2, Gemma, Mistral.
    SentencePiece,
    /// Text is cut by regular expressions, written as bytes, and joined by ranked merges. GPT-2, Llama 3, Qwen.
    Bpe(PreTokenizer),
    /// Words are cut into the longest known pieces. BERT.
    WordPiece,
}

/// What a token stands for, with GGUF's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    Normal = 1,
    /// Stands for what the vocabulary cannot express.
    Unknown = 2,
    /// Steers the model; no text ever becomes one.
    Control = 3,
    /// Literal text that is cut out before anything else.
    UserDefined = 4,
    Unused = 5,
    /// `<0xNN>`: a single byte.
    Byte = 6,
}

/// Everything a tokenizer is built from. Token ids are indices into `tokens`.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    pub kind: TokenizerKind,
    pub tokens: Vec<String>,
    /// As long as `tokens`, or empty where the kind has none.
    pub scores: Vec<f32>,
    /// As long as `tokens`.
    pub token_types: Vec<TokenType>,
    /// `left right`, best first. Only BPE has them.
    pub merges: Vec<String>,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    /// Ends a turn of a conversation.
    pub eot: Option<u32>,
    pub unknown: Option<u32>,
    /// Texts encoded with `add_special` begin with `bos`.
    pub add_bos: bool,
    /// Texts encoded with `add_special` end with `eos`.
    pub add_eos: bool,
    /// SentencePiece: a space goes before the first text, and before text that follows a special token.
    pub add_space_prefix: bool,
    /// WordPiece: text is lowercased and stripped of accents.
    pub lowercase: bool,
    /// Control tokens that swallow the white space to their right.
    pub strip_right: Vec<u32>,
}

impl Vocabulary {
    /// # Errors
    /// Keys of wrong types, counts that do not agree, and models or pre-tokenizers this engine does not know.
    pub fn from_metadata(metadata: &Metadata<'_>) -> Result<Self, TokenizerError> {
        let model = metadata.required("tokenizer.ggml.model", metadata.str("tokenizer.ggml.model")?)?;
        let pre = metadata.str("tokenizer.ggml.pre")?.unwrap_or("default");
        let kind = match model {
            "llama" => TokenizerKind::SentencePiece,
            "gpt2" => TokenizerKind::Bpe(PreTokenizer::named(pre)?),
            "bert" => TokenizerKind::WordPiece,
            other => return Err(TokenizerError::UnknownModel(other.to_owned())),
        };
        let key = "tokenizer.ggml.tokens";
        let listed = metadata.required(key, metadata.array(key)?)?;
        if listed.len() > TOKENS_MAX {
            return Err(TokenizerError::TooManyTokens { tokens: listed.len(), max: TOKENS_MAX });
        }
        // A handful of published vocabularies have tokens that are cut-off UTF-8; they can only be decoded.
        let tokens: Vec<_> = listed.byte_strings()?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let scores = metadata.array("tokenizer.ggml.scores")?.map_or(Ok(Vec::new()), |scores| scores.f32s())?;
        let merges = metadata.array("tokenizer.ggml.merges")?.map_or(Ok(Vec::new()), |merges| merges.strings())?;
        let mut token_types = match metadata.array("tokenizer.ggml.token_type")? {
            Some(types) => types.i64s()?.into_iter().enumerate().map(token_type).collect::<Result<_, _>>()?,
            None => vec![TokenType::Normal; tokens.len()],
        };
        let special = |name: &str| metadata.u32(&format!("tokenizer.ggml.{name}_token_id"));
        let sentence_piece = kind == TokenizerKind::SentencePiece;
        let convention = |id| (sentence_piece && id < tokens.len() as u32).then_some(id);
        let (bos, eos) = match kind {
            TokenizerKind::WordPiece => {
                (special("cls")?.or(special("bos")?), special("seperator")?.or(special("eos")?))
            }
            _ => (special("bos")?.or(convention(1)), special("eos")?.or(convention(2))),
        };
        let word_piece = kind == TokenizerKind::WordPiece;
        let begins = sentence_piece || word_piece || matches!(&kind, TokenizerKind::Bpe(pre) if pre.add_bos);
        for (token, kind) in tokens.iter().zip(&mut token_types) {
            if *kind != TokenType::Control && looks_like_control(token) {
                *kind = TokenType::Control;
            }
        }
        for id in [bos, eos, special("eot")?].into_iter().flatten() {
            if let Some(kind) = token_types.get_mut(id as usize) {
                *kind = TokenType::Control;
            }
        }
        let unknown = special("unknown")?.or(convention(0));
        // Phi-3's own tokenizer drops the line break that its template writes after each marker.
        let swallows = sentence_piece && metadata.str("general.architecture")? == Some("phi3");
        let keeps_right = |id: u32, text: &str| Some(id) == bos || Some(id) == unknown || text == "<|endoftext|>";
        let strip_right = (0..)
            .zip(tokens.iter().zip(&token_types))
            .filter(|(id, (text, kind))| swallows && **kind == TokenType::Control && !keeps_right(*id, text))
            .map(|(id, _)| id)
            .collect();
        Ok(Self {
            lowercase: word_piece
                && !tokens
                    .iter()
                    .any(|token| !token.starts_with('[') && token.contains(|c: char| c.is_ascii_uppercase())),
            kind,
            scores,
            token_types,
            merges: merges.into_iter().map(str::to_owned).collect(),
            bos,
            eos,
            eot: special("eot")?,
            unknown,
            add_bos: metadata.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(begins) && bos.is_some(),
            add_eos: metadata.bool("tokenizer.ggml.add_eos_token")?.unwrap_or(word_piece) && eos.is_some(),
            add_space_prefix: metadata.bool("tokenizer.ggml.add_space_prefix")?.unwrap_or(sentence_piece),
            strip_right,
            tokens,
        })
    }

    /// # Errors
    /// Lists of different lengths, special ids outside the vocabulary, scores that are not numbers.
    pub(super) fn check(&self) -> Result<(), TokenizerError> {
        let tokens = self.tokens.len();
        if tokens == 0 {
            return Err(TokenizerError::Empty);
        }
        if tokens > TOKENS_MAX {
            return Err(TokenizerError::TooManyTokens { tokens, max: TOKENS_MAX });
        }
        let wants_scores = self.kind == TokenizerKind::SentencePiece;
        if self.scores.len() != tokens && (wants_scores || !self.scores.is_empty()) {
            return Err(TokenizerError::CountMismatch { what: "scores", found: self.scores.len(), tokens });
        }
        if self.token_types.len() != tokens {
            return Err(TokenizerError::CountMismatch { what: "types", found: self.token_types.len(), tokens });
        }
        if let Some((id, &score)) = self.scores.iter().enumerate().find(|(_, score)| !score.is_finite()) {
            return Err(TokenizerError::ScoreNotFinite { id, score });
        }
        for (name, id) in [("bos", self.bos), ("eos", self.eos), ("eot", self.eot), ("unknown", self.unknown)] {
            if let Some(id) = id.filter(|&id| id as usize >= tokens) {
                return Err(TokenizerError::SpecialOutOfRange { name, id, tokens });
            }
        }
        Ok(())
    }

    /// The ids of a type, with their texts.
    pub(super) fn of_type(&self, wanted: TokenType) -> impl Iterator<Item = (u32, &str)> {
        let texts = self.tokens.iter().map(String::as_str);
        (0..)
            .zip(texts.zip(&self.token_types))
            .filter(move |(_, (_, kind))| **kind == wanted)
            .map(|(id, (text, _))| (id, text))
    }
}

fn token_type((id, value): (usize, i64)) -> Result<TokenType, TokenizerError> {
    Ok(match value {
        // 0 is "undefined" in the format; files use it for ordinary tokens.
        0 | 1 => TokenType::Normal,
        2 => TokenType::Unknown,
        3 => TokenType::Control,
        4 => TokenType::UserDefined,
        5 => TokenType::Unused,
        6 => TokenType::Byte,
        _ => return Err(TokenizerError::UnknownTokenType { id, value }),
    })
}

/// Whether a token steers the model by its looks, whatever its file says: converters and model authors
/// have often left such tokens as ordinary ones, and a user's text must never become one.
pub(super) fn looks_like_control(token: &str) -> bool {
    let enclosed = |open: &str, close: &str| {
        token.len() > open.len() + close.len() && token.starts_with(open) && token.ends_with(close)
    };
    enclosed("<|", "|>")
        || enclosed("<｜", "｜>")
        || matches!(token, "<start_of_turn>" | "<end_of_turn>" | "<end_of_utterance>")
}

/// Whether a token ends a text or a turn by its name, for files that name only one of several such tokens.
pub(super) fn looks_like_end(token: &str) -> bool {
    const ENDS: [&str; 14] = [
        "</s>",
        "<eos>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<end_of_turn>",
        "<end_of_utterance>",
        "<｜end▁of▁sentence｜>",
        "<|endofturn|>",
    ];
    ENDS.contains(&token)
}
