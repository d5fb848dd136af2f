//! Which files hold a folder's weights: one, or several that an index lists.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::error::FolderError;
use super::files;

/// The file of a model that has one.
pub const SINGLE: &str = "model.safetensors";
/// The index of a model that has several.
pub const INDEX: &str = "model.safetensors.index.json";
/// The most files of one model.
pub const SHARDS_MAX: usize = 1 << 12;
/// The longest index: some hundred bytes for each tensor.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// The names of the weight files, in alphabetical order, each with the tensors that the index says are in it.
pub type Shards = BTreeMap<String, Vec<String>>;

/// Finds out which files to open.
///
/// # Errors
/// No weights, or an index that cannot be read or names something else than files of this folder.
pub fn find(folder: &Path) -> Result<Shards, FolderError> {
    if folder.join(SINGLE).is_file() {
        return Ok(Shards::from([(SINGLE.to_owned(), Vec::new())]));
    }
    let path = folder.join(INDEX);
    let Some(text) = files::optional(&path, INDEX_BYTES_MAX)? else {
        return Err(FolderError::NoWeights { path: folder.to_owned() });
    };
    let index: Index =
        serde_json::from_slice(&text).map_err(|source| FolderError::Json { path: path.clone(), source })?;
    let mut shards = Shards::new();
    for (tensor, name) in index.weight_map {
        if !is_plain(&name) {
            return Err(FolderError::ShardName { path, name });
        }
        shards.entry(name).or_default().push(tensor);
    }
    match shards.len() {
        0 => Err(FolderError::NoWeights { path: folder.to_owned() }),
        count if count > SHARDS_MAX => Err(FolderError::TooManyShards { path, count }),
        _ => Ok(shards),
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Whether a name stays within its folder.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name)
}
