//! Finding a model in the cache without asking a hub.

use super::reference::HubRef;
use crate::huggingface::Folder;
use hf_hub::Cache;
use std::path::{Path, PathBuf};

/// Files that a folder's tokenizer may be in.
const TOKENIZERS: [&str; 2] = ["tokenizer.json", "vocab.txt"];

/// The path of a model as it was fetched last: the file that is named; or the only GGUF file; or the folder, if all of
/// its weights are there. `None` if it must be fetched.
pub(super) fn cached(reference: &HubRef, cache: &Cache) -> Option<PathBuf> {
    let repository = cache.model(reference.repository.clone());
    if let Some(file) = &reference.file {
        return repository.get(file);
    }
    let snapshot = repository.get("")?;
    let files = std::fs::read_dir(&snapshot).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut gguf = files.filter(|file| file.extension().is_some_and(|extension| extension == "gguf"));
    match (gguf.next(), gguf.next()) {
        (Some(file), None) => Some(file),
        (None, _) if is_complete(&snapshot) => Some(snapshot),
        _ => None,
    }
}

/// Weights are fetched last, so where they all are, the rest is.
fn is_complete(folder: &Path) -> bool {
    TOKENIZERS.iter().any(|file| folder.join(file).exists()) && Folder::open(folder).is_ok()
}
