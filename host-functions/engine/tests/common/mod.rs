//! What the engine's tests share: tiny models on disk, and ways to run them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::Arc;

use realm_engine::{EngineConfig, Model, Rows, Session, Silent, TenantKey};
use realm_test_models::{SplitMix64, TinyLlama, write_tiny_llama};

pub const OWNER: TenantKey = TenantKey::new([1; 32]);

/// A small engine: little memory, small chunks, so that tests meet the borders.
pub fn config() -> EngineConfig {
    EngineConfig { threads: 2, kv_bytes_max: 16 << 20, prefill_chunk_tokens: 32, ..EngineConfig::default() }
}

pub fn load(model: &TinyLlama, config: &EngineConfig) -> Arc<Model> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tiny.gguf");
    write_tiny_llama(&path, model).expect("a valid model");
    Model::load(&path, config, &Silent).expect("the model loads")
}

/// Seeded tokens within the default vocabulary.
pub fn tokens(seed: u64, len: usize) -> Vec<u32> {
    let mut random = SplitMix64::new(seed);
    (0..len).map(|_| random.below(512) as u32).collect()
}

/// The logits of every token, computed in one go in a session of its own, as bits.
pub async fn logits_of(model: &Arc<Model>, tokens: &[u32]) -> Vec<Vec<u32>> {
    let mut session = model.open_session(OWNER, &[]).expect("room");
    forward_all(&mut session, tokens).await
}

pub async fn forward_all(session: &mut Session, tokens: &[u32]) -> Vec<Vec<u32>> {
    let logits = session.forward(tokens.to_vec(), Rows::All).await.expect("computed");
    assert_eq!(logits.rows, tokens.len());
    (0..logits.rows).map(|row| bits(logits.row(row).expect("a row"))).collect()
}

pub async fn forward_last(session: &mut Session, tokens: &[u32]) -> Vec<u32> {
    let logits = session.forward(tokens.to_vec(), Rows::Last).await.expect("computed");
    assert_eq!(logits.rows, 1);
    bits(&logits.data)
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
