//! Each architecture against Hugging Face transformers: tiny models whose logits were computed there
//! (fixtures/architectures/make.py), from a GGUF file and from a folder, as a prompt and token by token.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{OWNER, config, forward_all, forward_last};
use realm_engine::{ComputeDevice, EngineConfig, KvPrecision, Model, Silent};

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

/// How far a row may be off: the norm of the difference relative to the row's norm, and the largest difference relative
/// to the row's largest logit. With keys and values kept as f32 all rows are within 5e-6. As f16, which models of 16-bit
/// weights use unless told otherwise, each is rounded by up to 1/2048 of itself, and rows are within 1e-3.
const TOLERANCE: f64 = 1e-4;
const TOLERANCE_F16: f64 = 2e-3;

fn assert_close(what: &str, row: &[u32], expected: &[f64], tolerance: f64) {
    assert_eq!(row.len(), expected.len(), "{what}");
    let off: Vec<f64> = row.iter().zip(expected).map(|(v, e)| f64::from(f32::from_bits(*v)) - e).collect();
    let largest = |values: &[f64]| values.iter().fold(0f64, |m, v| m.max(v.abs()));
    let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let (by_norm, by_largest) = (norm(&off) / norm(expected), largest(&off) / largest(expected));
    println!("{what}: {by_norm:.1e} by norm, {by_largest:.1e} by the largest");
    assert!(by_norm < tolerance && by_largest < tolerance, "{what}: off by {by_norm:.2e}, largest {by_largest:.2e}");
}

fn values(row: &[u32]) -> Vec<f64> {
    row.iter().map(|bits| f64::from(f32::from_bits(*bits))).collect()
}

/// The prompt's logits in one go; and that computing them token by token gives the same bits.
async fn logits(what: &str, path: &Path, tokens: &[u32], config: EngineConfig) -> Vec<Vec<u32>> {
    let model: Arc<Model> = Model::load(path, &config, &Silent).expect(what);
    let mut prompted = model.open_session(OWNER, &[]).expect("room");
    let mut decoded = model.open_session(OWNER, &[]).expect("room");
    let rows = forward_all(&mut prompted, tokens).await;
    for (position, (row, token)) in rows.iter().zip(tokens).enumerate() {
        assert!(forward_last(&mut decoded, &[*token]).await == *row, "{what}, decoding, position {position}");
    }
    rows
}

async fn check(name: &str) {
    let Expected { tokens, logits } = expected(name);
    check_within(name, &tokens, &logits, None).await;
}

async fn check_within(name: &str, tokens: &[u32], expected: &[Vec<f64>], context_length_max: Option<u32>) {
    let paths = [("GGUF", folder(name).join("model.gguf")), ("folder", folder(name))];
    let mut of_formats = Vec::new();
    for (format, path) in &paths {
        let variants = [
            ("", KvPrecision::F32, ComputeDevice::Cpu, TOLERANCE),
            (", f16 cache", KvPrecision::F16, ComputeDevice::Cpu, TOLERANCE_F16),
            (", by candle", KvPrecision::F32, ComputeDevice::CandleCpu, TOLERANCE),
            (", by candle, f16 cache", KvPrecision::F16, ComputeDevice::CandleCpu, TOLERANCE_F16),
        ];
        for (variant, precision, device, tolerance) in variants {
            let what = format!("{name}, {format}{variant}");
            let config = EngineConfig { kv_precision: Some(precision), device, context_length_max, ..config() };
            let rows = logits(&what, path, tokens, config).await;
            for (position, (row, expected)) in rows.iter().zip(expected).enumerate() {
                assert_close(&format!("{what}, position {position}"), row, expected, tolerance);
            }
            if variant.is_empty() {
                of_formats.push(rows);
            }
        }
    }
    let [gguf, folder] = &of_formats[..] else { panic!("two formats") };
    for (position, (gguf, folder)) in gguf.iter().zip(folder).enumerate() {
        assert_close(&format!("{name}, both formats, position {position}"), gguf, &values(folder), TOLERANCE);
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
async fn qwen2_with_yarn_agrees_with_transformers() {
    check("yarn").await;
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

/// A context beyond the original one takes the factors for long contexts, whatever a sequence's own length is, and one
/// within it the others.
#[tokio::test]
async fn phi3_with_longrope_agrees_with_transformers() {
    check("longrope").await;
    let text = std::fs::read(folder("longrope").join("expected.json")).expect("the fixture is there");
    let json: serde_json::Value = serde_json::from_slice(&text).expect("it is JSON");
    let within: Vec<Vec<f64>> = serde_json::from_value(json["logits_within"].clone()).expect("rows of numbers");
    let Expected { tokens, logits } = expected("longrope");
    // The first position is turned by nothing.
    assert_ne!(within[15], logits[15], "the two sets of factors give the same");
    check_within("longrope", &tokens[..within.len()], &within, Some(within.len() as u32)).await;
}
