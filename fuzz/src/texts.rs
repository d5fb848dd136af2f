//! `tokenizer.json` and chat templates.

use crate::written;
use realm_engine::chat_template::ChatTemplate;
use realm_engine::tokenizer::Tokenizer;
use serde_json::json;

/// Texts that are hard to split into tokens.
const TEXTS: [&str; 4] =
    ["", "a", "  the \u{1f469}\u{200d}\u{1f680}\te\u{301}\u{ff21}\n\n", "<|im_end|></s>[SEP]<0x0A>"];

/// Any bytes as a `tokenizer.json`. A tokenizer that loads must encode to tokens that it has, and decode.
pub fn tokenizer_json(bytes: &[u8]) {
    let config = json!({"bos_token": "<s>", "eos_token": "</s>"});
    let Some(tokenizer) = written(Tokenizer::from_tokenizer_json(bytes, &config)) else { return };
    for text in TEXTS {
        if let Some(tokens) = written(tokenizer.encode(text, true)) {
            assert!(tokens.iter().all(|&token| (token as usize) < tokenizer.vocab_len()), "{tokens:?}");
            tokenizer.decode(&tokens);
        }
    }
}

/// Any text as a chat template. A template that compiles is rendered.
pub fn chat_template(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    let Some(template) = written(ChatTemplate::new(source)) else { return };
    let messages = json!([{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]);
    written(template.render(&json!({"messages": messages, "add_generation_prompt": true, "bos_token": "<s>"})));
}
