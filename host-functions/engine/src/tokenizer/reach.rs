//! How much text one token can stand for at most, so that a text that cannot fit in a context is refused before it is
//! tokenised. Where a tokenizer may drop text or take any length of it for one token, there is no such bound.

use serde_json::Value;

/// UTF-8 bytes that canonical composition can make one byte of: three Jamo of 3 bytes make a syllable of 3, and an
/// accented letter of up to 8 bytes one of 2.
const CANONICAL_FACTOR: usize = 4;
/// The same where compatible characters are replaced, too: a mathematical letter of 4 bytes becomes one of 1.
const COMPATIBLE_FACTOR: usize = 16;
/// The same where letters become lowercase: the Kelvin sign of 3 bytes becomes a letter of 1.
const LOWERCASE_FACTOR: usize = 3;

/// By how much the normalizer and the pre-tokenizer of a `tokenizer.json` can shorten a text at most; `None` where
/// they, its model or its added tokens can take any length of text for nothing or for one token.
pub(super) fn shrink_factor(json: &Value) -> Option<usize> {
    let model = &json["model"];
    if model["type"].as_str().is_some_and(|kind| kind != "BPE") || model["merges"].is_null() {
        return None;
    }
    let swallows = |token: &Value| token["special"] != true && (token["lstrip"] == true || token["rstrip"] == true);
    if json["added_tokens"].as_array().into_iter().flatten().any(swallows) {
        return None;
    }
    let keeps_bytes = model["byte_fallback"] == true || contains_byte_level(&json["pre_tokenizer"]);
    let vocabulary = &model["vocab"];
    let every_byte = match model["byte_fallback"] == true {
        true => (0..=255u8).all(|byte| vocabulary.get(format!("<0x{byte:02X}>")).is_some()),
        false => super::byte_level::missing_bytes(|piece| vocabulary.get(piece).is_some()).is_empty(),
    };
    (keeps_bytes && every_byte && keeps_text(&json["pre_tokenizer"])).then(|| normalizer_factor(&json["normalizer"]))?
}

fn normalizer_factor(normalizer: &Value) -> Option<usize> {
    Some(match normalizer["type"].as_str() {
        None if normalizer.is_null() => 1,
        Some("Prepend" | "ByteLevel") => 1,
        Some("NFC" | "NFD") => CANONICAL_FACTOR,
        Some("NFKC" | "NFKD") => COMPATIBLE_FACTOR,
        Some("Lowercase") => LOWERCASE_FACTOR,
        Some("Replace") => {
            let pattern = normalizer["pattern"]["String"].as_str()?.len();
            let content = normalizer["content"].as_str().filter(|content| !content.is_empty())?.len();
            pattern.div_ceil(content).max(1)
        }
        Some("Sequence") => {
            let steps = normalizer["normalizers"].as_array()?.iter();
            steps.map(normalizer_factor).try_fold(1usize, |product, factor| product.checked_mul(factor?))?
        }
        _ => return None,
    })
}

/// Whether no part of a text is left out between words.
fn keeps_text(pre_tokenizer: &Value) -> bool {
    match pre_tokenizer["type"].as_str() {
        None => pre_tokenizer.is_null(),
        Some("ByteLevel" | "Metaspace" | "Digits") => true,
        Some("Split" | "Punctuation") => pre_tokenizer["behavior"].as_str().is_some_and(|kind| kind != "Removed"),
        Some("Sequence") => pre_tokenizer["pretokenizers"].as_array().is_some_and(|steps| steps.iter().all(keeps_text)),
        Some(_) => false,
    }
}

fn contains_byte_level(pre_tokenizer: &Value) -> bool {
    pre_tokenizer["type"] == "ByteLevel"
        || pre_tokenizer["pretokenizers"].as_array().is_some_and(|steps| steps.iter().any(contains_byte_level))
}
