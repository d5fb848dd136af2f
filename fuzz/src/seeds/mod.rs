//! The seed corpus, `corpus-seed/TARGET/NAME`: small good inputs, made here. Beside them lie inputs that once failed,
//! named `regression-*`, which nothing makes.
//!
//! `REALM_WRITE_SEEDS=1 cargo test -p realm-fuzz seeds` writes the files; without the variable the same test compares them.

mod models;
mod programs;
mod requests;

use crate::choices::Choices;
use realm_test_models::SplitMix64;
use std::path::PathBuf;

/// A target's name, its body, and its seeds by name.
pub(crate) struct Target {
    pub name: &'static str,
    pub body: fn(&[u8]),
    pub seeds: Vec<(String, Vec<u8>)>,
}

/// Every target. A file in `fuzz_targets/` without an entry here fails a test.
pub(crate) fn targets() -> Vec<Target> {
    let target = |name, body, seeds| Target { name, body, seeds };
    vec![
        target("chat_template", crate::chat_template, models::templates()),
        target("gguf_header", crate::gguf_header, models::gguf_headers()),
        target("gguf_load", crate::gguf_load, models::ggufs()),
        target("host_functions", crate::host_functions, programs::programs()),
        target("http", crate::http, requests::requests()),
        target("metadata", crate::metadata, metadata()),
        target("safetensors_header", crate::safetensors_header, models::safetensors_headers()),
        target("safetensors_load", crate::safetensors_load, models::folders()),
        target("scheduler", crate::scheduler, random("events", 3, 400)),
        target("tokenizer_json", crate::tokenizer_json, models::tokenizers()),
        target("transcoder", crate::transcoder, random("value", 12, 160)),
    ]
}

/// The folder of a target's seeds.
pub(crate) fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus-seed").join(target)
}

fn named(name: &str, bytes: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.into())
}

/// `count` seeds of `len` random bytes.
fn random(name: &str, count: u64, len: usize) -> Vec<(String, Vec<u8>)> {
    let bytes = |seed| {
        let mut random = SplitMix64::new(seed);
        (0..len).map(|_| random.next_u64() as u8).collect::<Vec<_>>()
    };
    (0..count).map(|seed| named(&format!("{name}-{seed}"), bytes(seed))).collect()
}

/// Metadata of random types that refer to each other.
fn metadata() -> Vec<(String, Vec<u8>)> {
    let types = random("types", 8, 120).into_iter();
    types.map(|(name, bytes)| (name, crate::types::metadata_of(&mut Choices(&bytes)))).collect()
}
