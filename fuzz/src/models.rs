//! Model files: their headers alone, and loading them whole.

use crate::written;
use realm_engine::gguf::check_header;
use realm_engine::huggingface::check_safetensors;
use realm_engine::{EngineConfig, LoadError, Model, Rows, Silent, TenantKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What stands between the files of a folder in one input. A separator and not lengths, so that the fuzzer can insert and
/// delete bytes in each file.
pub(crate) const SEPARATOR: &[u8] = b"\n=====\n";
/// The files of a folder, in the order of the input.
pub(crate) const FILES: [&str; 4] = ["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"];
/// Tokens that a loaded model computes.
const TOKENS: usize = 3;

/// Any bytes as the header of a GGUF file.
pub fn gguf_header(bytes: &[u8]) {
    written(check_header(bytes));
}

/// Any bytes as the header of a safetensors file.
pub fn safetensors_header(bytes: &[u8]) {
    written(check_safetensors(bytes));
}

/// Any bytes as a GGUF file, loaded whole. A model that loads must tokenize and compute.
pub fn gguf_load(bytes: &[u8]) {
    load_and_compute("gguf_load", bytes);
}

/// Any bytes as the files of a Hugging Face folder, loaded whole.
pub fn safetensors_load(bytes: &[u8]) {
    load_and_compute("safetensors_load", bytes);
}

/// Writes the input of a target as files below the folder, and returns the path of the model.
pub(crate) fn write(target: &str, folder: &Path, bytes: &[u8]) -> PathBuf {
    let write = |path: &Path, bytes| std::fs::write(path, bytes).expect("the temporary folder is writable");
    if target == "gguf_load" {
        let path = folder.join("model.gguf");
        write(&path, bytes);
        return path;
    }
    for (name, content) in FILES.into_iter().zip(files(bytes)) {
        write(&folder.join(name), content);
    }
    folder.to_owned()
}

/// The input cut at the separators; what is behind the last belongs to the last file.
fn files(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = FILES.len();
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let at = bytes.windows(SEPARATOR.len()).position(|window| window == SEPARATOR).filter(|_| left > 0);
        let (file, rest) = match at {
            Some(at) => (&bytes[..at], &bytes[at + SEPARATOR.len()..]),
            None => (bytes, &[][..]),
        };
        bytes = rest;
        Some(file)
    })
}

/// Loads a model into an engine of the smallest size.
pub(crate) fn try_load(path: &Path) -> Result<Arc<Model>, LoadError> {
    let config = EngineConfig {
        threads: 1,
        kv_bytes_max: 1 << 20,
        sequences_max: 2,
        context_length_max: Some(64),
        ..EngineConfig::default()
    };
    Model::load(path, &config, &Silent)
}

fn load_and_compute(target: &str, bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(model) = written(try_load(&write(target, folder.path(), bytes))) else { return };
    let tokens = written(model.tokenizer().encode("hello", false)).unwrap_or_default();
    if written(model.check_generates()).is_none() {
        return;
    }
    let Some(mut session) = written(model.open_session(TenantKey::new([0; 32]), &[])) else { return };
    let tokens: Vec<u32> = tokens.into_iter().chain([0, 1, 2]).take(TOKENS).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let logits = written(runtime.block_on(session.forward(tokens, Rows::Last)));
    assert!(logits.is_none_or(|logits| logits.row(0).is_some()), "a forward pass without logits");
}
