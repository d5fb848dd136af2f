//! Text to tokens and back, with exactly the ids of the reference implementations.
//!
//! ```text
//! rendered template ─ split at control tokens ─┬─ control token ─────────────────────────────┐
//!                                              └─ text ─┐                                     ├─ ids
//! a user's text ────────────────────────────────────────┴─ user-defined ─ SentencePiece ─────┤
//!                                                           tokens         byte-level BPE     │
//!                                                                          WordPiece ─────────┘
//! ```
//!
//! Two ways lead in: a GGUF file's [`Vocabulary`], and a Hugging Face `tokenizer.json`. In both, control
//! tokens are out of reach of the part that encodes text: whatever a user writes stays text.

mod byte_level;
mod detokenizer;
mod error;
mod pre_tokenizer;
mod reach;
mod sentence_piece;
mod splitter;
mod tokenizer_json;
mod vocabulary;
mod word_list;
mod word_piece;

pub use detokenizer::Detokenizer;
pub use error::{EncodeError, TokenizerError};
pub use pre_tokenizer::PreTokenizer;
pub use vocabulary::{TOKENS_MAX, TokenType, TokenizerKind, Vocabulary};

use detokenizer::Pieces;
use sentence_piece::{BLANK, SentencePiece};
use splitter::{Literal, Part, Splitter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Texts longer than this are refused: tokenizing takes time that no deadline interrupts.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// A model's tokenizer. Shared by all who use the model.
#[derive(Debug)]
pub struct Tokenizer {
    encoder: Encoder,
    /// Finds control tokens' names. It leaves out names of one character: those cannot be told from text.
    controls: Splitter,
    control_names: BTreeMap<u32, String>,
    pieces: Arc<Pieces>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
    ends: BTreeSet<u32>,
    summary: &'static str,
    /// Bytes of text that one token stands for at most; `None` if there is no bound.
    token_bytes_max: Option<usize>,
    /// The same where names of control tokens are control tokens.
    rendered_token_bytes_max: Option<usize>,
}

/// Encodes text in which nothing is a control token.
#[derive(Debug)]
enum Encoder {
    SentencePiece {
        model: SentencePiece,
        user_defined: Splitter,
        add_space_prefix: bool,
    },
    Pipeline {
        first: Box<tokenizers::Tokenizer>,
        continuing: Option<Box<tokenizers::Tokenizer>>,
        missing_bytes: Vec<u8>,
    },
}

impl Tokenizer {
    /// A tokenizer for a GGUF file's vocabulary.
    ///
    /// # Errors
    /// A vocabulary that contradicts itself, or that cannot express every text and has no unknown token.
    pub fn from_vocabulary(vocabulary: Vocabulary) -> Result<Self, TokenizerError> {
        vocabulary.check()?;
        let pipeline =
            |first, missing_bytes| Encoder::Pipeline { first: Box::new(first), continuing: None, missing_bytes };
        let literals = |kind| {
            let strip_right = |id| vocabulary.strip_right.contains(&id);
            let literal = |(id, text): (u32, &str)| Literal {
                id,
                text: text.to_owned(),
                strip_left: false,
                strip_right: strip_right(id),
            };
            vocabulary.of_type(kind).map(literal).collect::<Vec<_>>()
        };
        let (encoder, summary) = match &vocabulary.kind {
            TokenizerKind::SentencePiece => {
                let model = SentencePiece::new(&vocabulary)?;
                let user_defined = Splitter::new(literals(TokenType::UserDefined))?;
                (
                    Encoder::SentencePiece { model, user_defined, add_space_prefix: vocabulary.add_space_prefix },
                    "SentencePiece",
                )
            }
            TokenizerKind::Bpe(pre) => {
                let bpe = byte_level::pipeline(&vocabulary, pre)?;
                let missing = byte_level::missing_bytes(|piece| bpe.token_to_id(piece).is_some());
                (pipeline(bpe, missing), "byte-level BPE")
            }
            TokenizerKind::WordPiece => (pipeline(word_piece::pipeline(&vocabulary)?, Vec::new()), "WordPiece"),
        };
        let pieces =
            vocabulary.tokens.iter().zip(&vocabulary.token_types).map(|(text, kind)| match (kind, &vocabulary.kind) {
                (TokenType::Control | TokenType::Unknown, _) => Vec::new(),
                (TokenType::UserDefined, TokenizerKind::Bpe(_)) => text.clone().into_bytes(),
                (_, TokenizerKind::Bpe(_)) => byte_level::piece_bytes(text),
                (_, TokenizerKind::WordPiece) => word_piece::piece_bytes(&word_piece::original(text)),
                (TokenType::Byte, _) => sentence_piece::byte_value(text).map_or(Vec::new(), |byte| vec![byte]),
                _ => text.replace(BLANK, " ").into_bytes(),
            });
        let strip = match vocabulary.kind {
            TokenizerKind::SentencePiece => vocabulary.add_space_prefix,
            TokenizerKind::Bpe(_) => false,
            TokenizerKind::WordPiece => true,
        };
        let pieces = Pieces::new(pieces, strip);
        let swallows = vocabulary.of_type(TokenType::UserDefined).any(|(id, _)| vocabulary.strip_right.contains(&id));
        let token_bytes_max = match &encoder {
            // A user-defined token that takes the white space behind it takes any length of it.
            _ if swallows => None,
            // Without tokens for bytes, a run of unknown characters is one unknown token.
            Encoder::SentencePiece { model, .. } => model.has_byte_tokens().then(|| pieces.longest()),
            Encoder::Pipeline { .. } => match vocabulary.kind {
                TokenizerKind::Bpe(_) => Some(pieces.longest()),
                _ => None,
            },
        };
        let controls = literals(TokenType::Control);
        let ends = (vocabulary.bos, vocabulary.eos);
        let mut tokenizer = Self::assemble(encoder, controls, pieces, summary, ends, token_bytes_max)?;
        tokenizer.prefix = vocabulary.bos.filter(|_| vocabulary.add_bos).into_iter().collect();
        tokenizer.suffix = vocabulary.eos.filter(|_| vocabulary.add_eos).into_iter().collect();
        tokenizer.ends.extend(vocabulary.eot);
        Ok(tokenizer)
    }

    /// A tokenizer from a Hugging Face folder's `tokenizer.json` and `tokenizer_config.json` (`Null` if
    /// there is none). Truncation and padding that the file asks for are left out.
    ///
    /// # Errors
    /// A file that the `tokenizers` crate cannot read, or a decoder that is not supported.
    pub fn from_tokenizer_json(json: &[u8], config: &serde_json::Value) -> Result<Self, TokenizerError> {
        let loaded = tokenizer_json::load(json, config)?;
        let encoder = Encoder::Pipeline {
            first: Box::new(loaded.pipeline),
            continuing: loaded.continuing.map(Box::new),
            missing_bytes: Vec::new(),
        };
        let token_bytes_max = loaded.shrink_factor.and_then(|factor| loaded.pieces.longest().checked_mul(factor));
        let ends = (loaded.bos, loaded.eos);
        let (controls, pieces) = (loaded.controls, loaded.pieces);
        let mut tokenizer = Self::assemble(encoder, controls, pieces, "tokenizer.json", ends, token_bytes_max)?;
        tokenizer.prefix = loaded.prefix;
        tokenizer.suffix = loaded.suffix;
        Ok(tokenizer)
    }

    /// A tokenizer from a Hugging Face folder's `vocab.txt`, which lists word pieces, and `tokenizer_config.json`.
    ///
    /// # Errors
    /// As [`from_tokenizer_json`](Self::from_tokenizer_json), and a list without `[UNK]`, `[CLS]` or `[SEP]`.
    pub fn from_word_pieces(pieces: &str, config: &serde_json::Value) -> Result<Self, TokenizerError> {
        let json = word_list::tokenizer_json(pieces, config)?;
        Self::from_tokenizer_json(json.to_string().as_bytes(), config)
    }

    fn assemble(
        encoder: Encoder,
        mut controls: Vec<Literal>,
        pieces: Pieces,
        summary: &'static str,
        (bos, eos): (Option<u32>, Option<u32>),
        token_bytes_max: Option<usize>,
    ) -> Result<Self, TokenizerError> {
        let control_names: BTreeMap<u32, String> =
            controls.iter().map(|control| (control.id, control.text.clone())).collect();
        let named = control_names.iter().filter(|(_, name)| vocabulary::looks_like_end(name)).map(|(&id, _)| id);
        let swallows = controls.iter().any(|control| control.strip_left || control.strip_right);
        let longest_name = control_names.values().map(String::len).max().unwrap_or(0);
        let rendered_token_bytes_max = token_bytes_max.filter(|_| !swallows).map(|bytes| bytes.max(longest_name));
        // A model that begins a new text has ended the one before: some never emit their EOS.
        let ends = named.chain(bos).chain(eos).collect();
        controls.retain(|control| control.text.chars().nth(1).is_some());
        let controls = Splitter::new(controls)?;
        let pieces = Arc::new(pieces);
        Ok(Self {
            encoder,
            controls,
            control_names,
            pieces,
            prefix: Vec::new(),
            suffix: Vec::new(),
            bos,
            eos,
            ends,
            summary,
            token_bytes_max,
            rendered_token_bytes_max,
        })
    }

    /// Adds tokens that end a text, such as those of a generation_config.json.
    pub fn add_end_tokens(&mut self, tokens: impl IntoIterator<Item = u32>) {
        self.ends.extend(tokens);
    }

    /// Number of token ids.
    pub fn vocab_len(&self) -> usize {
        self.pieces.len()
    }

    /// What kind of tokenizer this is, in words.
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Whether generation stops at this token.
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// Whether this token steers the model and stands for no text.
    pub fn is_control(&self, token: u32) -> bool {
        self.control_names.contains_key(&token)
    }

    /// The control tokens' ids and names.
    pub fn controls(&self) -> impl Iterator<Item = (u32, &str)> {
        self.control_names.iter().map(|(&id, name)| (id, name.as_str()))
    }

    /// A control token's name, or else the token's own text; what is not UTF-8 becomes U+FFFD.
    pub fn token_text(&self, token: u32) -> String {
        match self.control_names.get(&token) {
            Some(name) => name.clone(),
            None => String::from_utf8_lossy(self.pieces.get(token)).into_owned(),
        }
    }

    /// The token's own bytes, which may be a part of a character; none for control tokens and for ids
    /// outside the vocabulary.
    pub fn token_bytes(&self, token: u32) -> &[u8] {
        self.pieces.get(token)
    }

    /// Fewest tokens that a text of so many bytes can have; 0 where any length of text can be few tokens.
    pub fn tokens_min(&self, text_bytes: usize) -> usize {
        self.token_bytes_max.map_or(0, |bytes_max| text_bytes.div_ceil(bytes_max.max(1)))
    }

    /// The same of a rendered chat template.
    fn rendered_tokens_min(&self, text_bytes: usize) -> usize {
        self.rendered_token_bytes_max.map_or(0, |bytes_max| text_bytes.div_ceil(bytes_max.max(1)))
    }

    /// As [`encode`](Self::encode), for a text that must have at most `tokens_max` tokens. One that must have more by
    /// its length alone is refused without being encoded; one that turns out to have more is given as it is.
    ///
    /// # Errors
    /// [`EncodeError::TooManyTokens`], and as [`encode`](Self::encode).
    pub fn encode_within(&self, text: &str, add_special: bool, tokens_max: usize) -> Result<Vec<u32>, EncodeError> {
        check_tokens(self.tokens_min(text.len()), tokens_max)?;
        self.encode(text, add_special)
    }

    /// As [`encode_rendered`](Self::encode_rendered), with the limit of [`encode_within`](Self::encode_within).
    ///
    /// # Errors
    /// As [`encode_within`](Self::encode_within).
    pub fn encode_rendered_within(
        &self,
        rendered: &str,
        broken_by: char,
        tokens_max: usize,
    ) -> Result<Vec<u32>, EncodeError> {
        check_len(rendered)?;
        let broken_bytes = rendered.matches(broken_by).count() * broken_by.len_utf8();
        check_tokens(self.rendered_tokens_min(rendered.len() - broken_bytes), tokens_max)?;
        self.encode_rendered(rendered, broken_by)
    }

    /// The ids of a text. Names of control tokens in it are text like any other. `add_special` puts the
    /// tokens around it that the model expects (BOS, CLS and SEP).
    ///
    /// # Errors
    /// A text longer than [`TEXT_BYTES_MAX`], or one that the vocabulary cannot express.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, EncodeError> {
        check_len(text)?;
        let mut ids = if add_special { self.prefix.clone() } else { Vec::new() };
        self.encode_text(text, true, &mut ids)?;
        if add_special {
            ids.extend_from_slice(&self.suffix);
        }
        Ok(ids)
    }

    /// The ids of a rendered chat template, in which names of control tokens are control tokens. Every
    /// `broken_by` is taken out of the text between them: a name with one inside stays text.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_rendered(&self, rendered: &str, broken_by: char) -> Result<Vec<u32>, EncodeError> {
        check_len(rendered)?;
        let mut ids = Vec::new();
        for (at, part) in self.controls.split(rendered).into_iter().enumerate() {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) if text.contains(broken_by) => {
                    self.encode_text(&text.replace(broken_by, ""), at == 0, &mut ids)?
                }
                Part::Text(text) => self.encode_text(text, at == 0, &mut ids)?,
            }
        }
        Ok(ids)
    }

    /// Where the names of control tokens stand in a text, as byte ranges, left to right.
    pub fn control_names<'a>(&'a self, text: &'a str) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        self.controls.matches(text)
    }

    /// What [`encode`](Self::encode) puts before a text with `add_special`.
    pub fn prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// What [`encode`](Self::encode) puts behind a text with `add_special`.
    pub fn suffix(&self) -> &[u32] {
        &self.suffix
    }

    /// The text of these tokens. Control tokens have none; bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        self.pieces.decode(tokens)
    }

    /// Bytes that the text of these tokens has before what is no character becomes U+FFFD, which takes three.
    pub fn pieces_len(&self, tokens: &[u32]) -> u64 {
        self.pieces.joined_len(tokens)
    }

    /// A detokenizer that begins a new text.
    pub fn detokenizer(&self) -> Detokenizer {
        Detokenizer::new(self.pieces.clone())
    }

    /// Appends the ids of text without control tokens. `first`: nothing comes before it in the input.
    fn encode_text(&self, text: &str, first: bool, ids: &mut Vec<u32>) -> Result<(), EncodeError> {
        match &self.encoder {
            Encoder::SentencePiece { model, user_defined, add_space_prefix } => {
                let mut after_special = true;
                for part in user_defined.split(text) {
                    match part {
                        Part::Token(id) => ids.push(id),
                        Part::Text(text) => {
                            let blank = if *add_space_prefix && after_special { " " } else { "" };
                            let escaped = format!("{blank}{text}").replace(' ', BLANK.encode_utf8(&mut [0; 4]));
                            model.encode(&escaped, ids)?;
                        }
                    }
                    after_special = matches!(part, Part::Token(_));
                }
                Ok(())
            }
            Encoder::Pipeline { first: begins, continuing, missing_bytes } => {
                if let Some(byte) = text.bytes().find(|byte| missing_bytes.contains(byte)) {
                    return Err(EncodeError::Inexpressible { byte });
                }
                let pipeline = continuing.as_ref().filter(|_| !first).unwrap_or(begins);
                self.encode_with(pipeline, text, ids)
            }
        }
    }

    /// Some models' vocabularies (Unigram ones) hold their control tokens, so that a text could reach
    /// them after all. Then the names in the text are taken apart and encoded in two pieces each.
    fn encode_with(&self, pipeline: &tokenizers::Tokenizer, text: &str, ids: &mut Vec<u32>) -> Result<(), EncodeError> {
        let encode = |text: &str| {
            let encoding =
                pipeline.encode_fast(text, false).map_err(|error| EncodeError::Pipeline(error.to_string()))?;
            Ok(encoding.get_ids().to_vec())
        };
        let encoded = encode(text)?;
        if !encoded.iter().any(|id| self.control_names.contains_key(id)) {
            ids.extend(encoded);
            return Ok(());
        }
        let mut start = 0;
        let ends: Vec<_> = self
            .controls
            .matches(text)
            .map(|name| name.start + text[name.start..].chars().next().map_or(0, char::len_utf8))
            .collect();
        for end in ends.into_iter().chain([text.len()]) {
            let encoded = encode(&text[start..end])?;
            if let Some(&token) = encoded.iter().find(|id| self.control_names.contains_key(id)) {
                return Err(EncodeError::ControlToken { token });
            }
            ids.extend(encoded);
            start = end;
        }
        Ok(())
    }
}

fn check_len(text: &str) -> Result<(), EncodeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(EncodeError::TooLong { bytes: text.len(), max: TEXT_BYTES_MAX });
    }
    Ok(())
}

fn check_tokens(tokens_min: usize, tokens_max: usize) -> Result<(), EncodeError> {
    if tokens_min > tokens_max {
        return Err(EncodeError::TooManyTokens { tokens_min, tokens_max });
    }
    Ok(())
}
