//! A folder's `vocab.txt`: one word piece a line, the line's number being its id. What else there is to know stands in
//! `tokenizer_config.json`, or is as BERT has it. It becomes what a `tokenizer.json` would have said.

use super::error::TokenizerError;
use serde_json::{Map, Value, json};

/// The tokens that steer a model, by their names in the settings and what they are called if those do not say.
const SPECIALS: [(&str, &str); 5] = [
    ("pad_token", "[PAD]"),
    ("unk_token", "[UNK]"),
    ("cls_token", "[CLS]"),
    ("sep_token", "[SEP]"),
    ("mask_token", "[MASK]"),
];

/// The `tokenizer.json` for a list of word pieces; `config` is the folder's tokenizer_config.json.
///
/// # Errors
/// The list lacks a token that no text can be encoded without.
pub(super) fn tokenizer_json(pieces: &str, config: &Value) -> Result<Value, TokenizerError> {
    let mut vocab = Map::new();
    for (id, piece) in pieces.lines().enumerate() {
        // Of lines that are there twice the reference takes the last one, too.
        vocab.insert(piece.trim_end_matches('\r').to_owned(), json!(id));
    }
    let name = |key: &str, default: &str| {
        let set = config[key].as_str().or(config[key]["content"].as_str());
        set.unwrap_or(default).to_owned()
    };
    let names = SPECIALS.map(|(key, default)| name(key, default));
    let [_, unknown, cls, sep, _] = &names;
    let added: Vec<Value> = names
        .iter()
        .filter_map(|name| {
            Some(json!({"id": vocab.get(name)?, "content": name, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}))
        })
        .collect();
    let id = |name: &String, missing| vocab.get(name).ok_or(TokenizerError::Missing(missing));
    id(unknown, "[UNK]")?;
    let around = json!({"type": "BertProcessing", "cls": [cls, id(cls, "[CLS]")?], "sep": [sep, id(sep, "[SEP]")?]});
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": config["tokenize_chinese_chars"].as_bool().unwrap_or(true),
            "strip_accents": config["strip_accents"].as_bool(),
            "lowercase": config["do_lower_case"].as_bool().unwrap_or(true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": around,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocab,
        },
    }))
}
