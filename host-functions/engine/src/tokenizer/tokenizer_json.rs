//! Reads a Hugging Face `tokenizer.json`. The `tokenizers` crate runs it; this file finds out the rest:
//! how tokens become text again, which tokens are control tokens, what goes around a text.

use super::detokenizer::Pieces;
use super::error::TokenizerError;
use super::sentence_piece::{BLANK, byte_value};
use super::splitter::Literal;
use super::vocabulary::{TOKENS_MAX, looks_like_control};
use super::{byte_level, reach, word_piece};
use serde_json::Value;
use tokenizers::pre_tokenizers::metaspace::PrependScheme;
use tokenizers::{PreTokenizerWrapper, Tokenizer};

pub(super) struct Loaded {
    pub pipeline: Tokenizer,
    /// For text that does not begin the input, where that makes a difference.
    pub continuing: Option<Tokenizer>,
    pub pieces: Pieces,
    pub controls: Vec<Literal>,
    /// Put before and after a text that is encoded with its special tokens.
    pub prefix: Vec<u32>,
    pub suffix: Vec<u32>,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    /// See [`reach::shrink_factor`].
    pub shrink_factor: Option<usize>,
}

/// How tokens become text.
#[derive(Clone, Copy, PartialEq)]
enum Decoding {
    ByteLevel,
    SentencePiece { byte_fallback: bool },
    WordPiece,
}

/// `config` is the folder's tokenizer_config.json.
pub(super) fn load(json: &[u8], config: &Value) -> Result<Loaded, TokenizerError> {
    let mut value: Value = serde_json::from_slice(json).map_err(invalid)?;
    let (decoding, strip_first_blank) = decoding(&value["decoder"])?;
    // Lengths are the engine's business, and padding would be counted as text.
    value["truncation"] = Value::Null;
    value["padding"] = Value::Null;
    for token in value["added_tokens"].as_array_mut().into_iter().flatten() {
        if token["content"].as_str().is_some_and(looks_like_control) {
            token["special"] = Value::Bool(true);
        }
    }
    let unknown = value["model"]["unk_token"].as_str().map(str::to_owned);
    let shrink_factor = reach::shrink_factor(&value);
    let edited = serde_json::to_vec(&value).map_err(invalid)?;
    drop(value);
    let mut pipeline = Tokenizer::from_bytes(&edited).map_err(invalid)?;
    drop(edited);
    check_templates(&serde_json::to_value(pipeline.get_post_processor()).map_err(invalid)?)?;
    // Control tokens in a text are text.
    pipeline.set_encode_special_tokens(true);

    let texts = texts(&pipeline)?;
    let added = pipeline.get_added_tokens_decoder();
    let pieces = (0..).zip(&texts).map(|(id, text)| match added.get(&id) {
        Some(token) if token.special => Vec::new(),
        Some(token) if matches!(decoding, Decoding::SentencePiece { .. }) => {
            token.content.replace(BLANK, " ").into_bytes()
        }
        Some(token) => token.content.clone().into_bytes(),
        None => piece_bytes(text, decoding),
    });
    let pieces = Pieces::new(pieces, strip_first_blank);
    let unknown = unknown.and_then(|text| pipeline.token_to_id(&text));
    let special = added.iter().filter(|(id, token)| token.special && Some(**id) != unknown);
    let mut controls: Vec<Literal> = special
        .map(|(&id, token)| Literal {
            id,
            text: token.content.clone(),
            strip_left: token.lstrip,
            strip_right: token.rstrip,
        })
        .collect();
    controls.sort_by_key(|control| control.id);

    let named = |key: &str| {
        let text = config[key].as_str().or(config[key]["content"].as_str())?;
        pipeline.token_to_id(text)
    };
    let (bos, eos) = (named("bos_token").or(named("cls_token")), named("eos_token").or(named("sep_token")));
    let (prefix, suffix) = surroundings(&pipeline)?;
    let continuing = continuing(&pipeline);
    Ok(Loaded { pipeline, continuing, pieces, controls, prefix, suffix, bos, eos, shrink_factor })
}

/// What goes around a text may name tokens that it declares, and no second text: the `tokenizers` crate takes that for
/// granted.
fn check_templates(processor: &Value) -> Result<(), TokenizerError> {
    processor["processors"].as_array().into_iter().flatten().try_for_each(check_templates)?;
    let pieces = processor["single"].as_array().filter(|_| processor["type"] == "TemplateProcessing");
    for piece in pieces.into_iter().flatten() {
        let unknown = piece["SpecialToken"]["id"].as_str().filter(|id| processor["special_tokens"].get(id).is_none());
        if let Some(id) = unknown {
            return Err(TokenizerError::Json(format!("post_processor: {id:?} is not among its special_tokens")));
        }
        if piece["Sequence"]["id"] == "B" {
            return Err(TokenizerError::Json("post_processor: it puts a second text beside a single one".to_owned()));
        }
    }
    Ok(())
}

/// How tokens become text, and whether the first blank is dropped.
fn decoding(decoder: &Value) -> Result<(Decoding, bool), TokenizerError> {
    let whole = [decoder.clone()];
    let steps = decoder["decoders"].as_array().map_or(&whole[..], Vec::as_slice);
    let step = |name: &str| steps.iter().find(|step| step["type"] == name);
    if step("ByteLevel").is_some() {
        return Ok((Decoding::ByteLevel, false));
    }
    if step("WordPiece").is_some() {
        return Ok((Decoding::WordPiece, true));
    }
    let metaspace = step("Metaspace");
    let strips = metaspace.is_some_and(|step| step["prepend_scheme"] != "never")
        || step("Strip").is_some_and(|step| step["start"] == 1);
    if metaspace.is_some() || step("ByteFallback").is_some() || step("Replace").is_some() {
        let byte_fallback = step("ByteFallback").is_some();
        return Ok((Decoding::SentencePiece { byte_fallback }, strips));
    }
    Err(TokenizerError::UnknownDecoder(decoder["type"].as_str().unwrap_or("nothing").to_owned()))
}

fn piece_bytes(text: &str, decoding: Decoding) -> Vec<u8> {
    match decoding {
        Decoding::ByteLevel => byte_level::piece_bytes(text),
        Decoding::WordPiece => word_piece::piece_bytes(text),
        Decoding::SentencePiece { byte_fallback } => match byte_value(text).filter(|_| byte_fallback) {
            Some(byte) => vec![byte],
            None => text.replace(BLANK, " ").into_bytes(),
        },
    }
}

/// Every token's text by id; ids without a token have none.
fn texts(pipeline: &Tokenizer) -> Result<Vec<String>, TokenizerError> {
    let vocab = pipeline.get_vocab(true);
    let tokens = vocab.values().max().map_or(0, |&id| id as usize + 1);
    if tokens > TOKENS_MAX {
        return Err(TokenizerError::TooManyTokens { tokens, max: TOKENS_MAX });
    }
    if tokens == 0 {
        return Err(TokenizerError::Empty);
    }
    let mut texts = vec![String::new(); tokens];
    for (text, id) in vocab {
        texts[id as usize] = text;
    }
    Ok(texts)
}

/// What the post-processor puts around a text, found out by encoding one.
fn surroundings(pipeline: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), TokenizerError> {
    let probe = pipeline.encode("a", true).map_err(invalid)?;
    let is_text = |mask: &&u32| **mask == 0;
    let mask = probe.get_special_tokens_mask();
    let before = mask.iter().take_while(|mask| !is_text(mask)).count();
    let after = mask.iter().rev().take_while(|mask| !is_text(mask)).count().min(mask.len() - before);
    let ids = probe.get_ids();
    Ok((ids[..before].to_vec(), ids[ids.len() - after..].to_vec()))
}

/// A pipeline that puts a blank before the input's first word only would put one before every stretch of
/// text between control tokens, because each is encoded by itself. The others are encoded with this one.
fn continuing(pipeline: &Tokenizer) -> Option<Tokenizer> {
    let Some(PreTokenizerWrapper::Metaspace(metaspace)) = pipeline.get_pre_tokenizer() else { return None };
    if metaspace.prepend_scheme != PrependScheme::First {
        return None;
    }
    let mut metaspace = metaspace.clone();
    metaspace.prepend_scheme = PrependScheme::Never;
    let mut continuing = pipeline.clone();
    continuing.with_pre_tokenizer(Some(metaspace));
    Some(continuing)
}

fn invalid(error: impl std::fmt::Display) -> TokenizerError {
    TokenizerError::Json(error.to_string())
}
