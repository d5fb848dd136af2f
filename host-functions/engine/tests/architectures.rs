//! Each architecture against Hugging Face transformers: tiny models whose logits were computed there
//! (fixtures/architectures/make.py), as a prompt and token by token.

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::{OWNER, config, forward_all, forward_last};
use realm_engine::{EngineConfig, KvPrecision, Model, Silent};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/architectures").join(name)
}

struct Expected {
    tokens: Vec<u32>,
    logits: Vec<Vec<f64>>,
}

fn expected(name: &str) -> Expected {
    let text = std::fs::read(folder(name).join("expected.json")).expect("the fixture is there");
    let json: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().expect("an array").iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    Expected {
        tokens: numbers(&json["tokens"]).into_iter().map(|token| token as u32).collect(),
        logits: json["logits"].as_array().expect("rows").iter().map(numbers).collect(),
    }
}

/// The largest difference, relative to the row's largest logit.
fn error(row: &[u32], expected: &[f64]) -> f64 {
    assert_eq!(row.len(), expected.len());
    let largest = expected.iter().fold(0f64, |m, e| m.max(e.abs()));
    let off = |(value, expected): (&u32, &f64)| (f64::from(f32::from_bits(*value)) - expected).abs();
    row.iter().zip(expected).map(off).fold(0.0, f64::max) / largest
}

async fn check(name: &str) {
    let config = EngineConfig { kv_precision: Some(KvPrecision::F32), ..config() };
    let model: Arc<Model> = Model::load(&folder(name).join("model.gguf"), &config, &Silent).expect(name);
    let Expected { tokens, logits } = expected(name);
    let mut prompted = model.open_session(OWNER, &[]).expect("room");
    let mut decoded = model.open_session(OWNER, &[]).expect("room");
    let rows = forward_all(&mut prompted, &tokens).await;
    for (position, (row, expected)) in rows.iter().zip(&logits).enumerate() {
        let error = error(row, expected);
        assert!(error < 1e-4, "{name}, prompt, position {position}: off by {error:.2e}");
        let token = &tokens[position..=position];
        assert!(forward_last(&mut decoded, token).await == *row, "{name}, decoding, position {position}");
    }
}

#[tokio::test]
async fn llama_agrees_with_transformers() {
    check("llama").await;
}

#[tokio::test]
async fn llama3_with_its_rope_factors_agrees_with_transformers() {
    check("llama3").await;
}

#[tokio::test]
async fn mistral_with_its_window_agrees_with_transformers() {
    check("mistral").await;
}

#[tokio::test]
async fn qwen2_agrees_with_transformers() {
    check("qwen2").await;
}

#[tokio::test]
async fn qwen3_agrees_with_transformers() {
    check("qwen3").await;
}

#[tokio::test]
async fn gemma2_agrees_with_transformers() {
    check("gemma2").await;
}

#[tokio::test]
async fn gemma3_agrees_with_transformers() {
    check("gemma3").await;
}

#[tokio::test]
async fn phi3_agrees_with_transformers() {
    check("phi3").await;
}
