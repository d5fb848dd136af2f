//! What the fuzz targets do with their bytes: an answer or an error in words, never a panic.
//!
//! The engine's tests run these functions too, on damaged copies of good files
//! (`host-functions/engine/tests/fuzz_bodies.rs`), so that they are compiled and tried without cargo-fuzz.

use realm_engine::chat_template::ChatTemplate;
use realm_engine::gguf::check_header;
use realm_engine::huggingface::check_safetensors;
use realm_engine::tokenizer::Tokenizer;
use serde_json::json;

/// Texts that are hard to cut into tokens.
const TEXTS: [&str; 4] =
    ["", "a", "  the \u{1f469}\u{200d}\u{1f680}\te\u{301}\u{ff21}\n\n", "<|im_end|></s>[SEP]<0x0A>"];

/// Any bytes as a GGUF file's header.
pub fn gguf_header(bytes: &[u8]) {
    say(check_header(bytes));
}

/// Any bytes as a safetensors file.
pub fn safetensors_header(bytes: &[u8]) {
    say(check_safetensors(bytes));
}

/// Any bytes as a tokenizer.json; one that loads must encode, with tokens that it has, and decode.
pub fn tokenizer_json(bytes: &[u8]) {
    let config = json!({"bos_token": "<s>", "eos_token": "</s>"});
    let Some(tokenizer) = say(Tokenizer::from_tokenizer_json(bytes, &config)) else { return };
    for text in TEXTS {
        if let Some(tokens) = say(tokenizer.encode(text, true)) {
            assert!(tokens.iter().all(|&token| (token as usize) < tokenizer.vocab_len()), "{tokens:?}");
            tokenizer.decode(&tokens);
        }
    }
}

/// Any text as a chat template; one that compiles is rendered.
pub fn chat_template(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let Some(template) = say(ChatTemplate::new(source)) else { return };
    let messages = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]);
    say(template.render(&json!({"messages": messages, "add_generation_prompt": true, "bos_token": "<s>"})));
}

/// The answer; an error is made into words, because that it can be printed is part of it.
fn say<T, E: std::error::Error>(outcome: Result<T, E>) -> Option<T> {
    outcome.map_err(|error| error.to_string()).ok()
}
