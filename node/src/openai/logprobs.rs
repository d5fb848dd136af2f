//! Log-probabilities as OpenAI writes them. The runtime gives token ids; their texts are the model's.

use crate::executor::HostModel;
use serde_json::{Map, Value, json};

/// What OpenAI writes for a token that is impossible: JSON has no infinity.
const IMPOSSIBLE: f64 = -9999.0;

/// One token of a list, or one of its alternatives.
struct Token {
    text: String,
    bytes: Vec<u8>,
    logprob: f64,
}

impl Token {
    fn of(model: &HostModel, entry: &Value) -> Self {
        let id = entry["token"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(u32::MAX);
        let tokenizer = model.model().tokenizer();
        let text = tokenizer.token_text(id);
        let bytes = match tokenizer.is_control(id) {
            true => text.as_bytes().to_vec(),
            false => tokenizer.token_bytes(id).to_vec(),
        };
        Self { text, bytes, logprob: entry["logprob"].as_f64().unwrap_or(IMPOSSIBLE) }
    }

    fn alternatives(model: &HostModel, entry: &Value) -> Vec<Self> {
        entry["top"].as_array().into_iter().flatten().map(|entry| Self::of(model, entry)).collect()
    }
}

/// The tokens of a chat's answer, or of a part of it.
pub fn of_chat(model: &HostModel, entries: &[Value]) -> Value {
    let plain = |token: &Token| json!({"token": token.text, "logprob": token.logprob, "bytes": token.bytes});
    let content: Vec<_> = entries
        .iter()
        .map(|entry| {
            let mut token = plain(&Token::of(model, entry));
            token["top_logprobs"] = Token::alternatives(model, entry).iter().map(plain).collect();
            token
        })
        .collect();
    json!({"content": content, "refusal": null})
}

/// The tokens of a completion, or of a part of it that begins `text_offset` characters into the text.
/// `text_offset` goes on with them.
pub fn of_text(model: &HostModel, entries: &[Value], text_offset: &mut usize) -> Value {
    let (mut tokens, mut logprobs, mut tops, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let token = Token::of(model, entry);
        let alternatives = Token::alternatives(model, entry);
        tops.push(alternatives.into_iter().map(|token| (token.text, json!(token.logprob))).collect::<Map<_, _>>());
        offsets.push(*text_offset);
        *text_offset += token.text.chars().count();
        tokens.push(token.text);
        logprobs.push(token.logprob);
    }
    json!({"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": tops, "text_offset": offsets})
}
