//! Writes a model whose generations take long, for tests of what happens meanwhile: random weights, 33 million
//! of them, and room for 32,768 tokens. `cargo run --release -p realm-tests --example long_model -- long.gguf`

use realm_test_models::{TinyLlama, write_tiny_llama};

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| std::io::Error::other("usage: long_model FILE"))?;
    let model = TinyLlama {
        layers: 8,
        hidden: 512,
        heads: 8,
        kv_heads: 2,
        feed_forward: 2048,
        context_length: 32_768,
        ..TinyLlama::default()
    };
    write_tiny_llama(path.as_ref(), &model)
}
