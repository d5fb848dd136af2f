//! Loading the chain's models, one after another, and telling how far it is.

use super::{
    demo_model::demo_model_path,
    error::{ModelError, StartError},
};
use crate::executor::HostModel;
use indicatif::{ProgressBar, ProgressStyle};
use realm_chain_spec::{ModelSource, ModelSpec};
use realm_engine::{EngineConfig, LoadProgress, LoadStage, Model};
use realm_host_functions::WEIGHT_CACHE_BYTES_MAX;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes hashed at a time.
const HASH_CHUNK_BYTES: usize = 1 << 20;

/// Loads all models. One whose weights do not come with this node is left out, and said so. Names that point to one file
/// or folder, by whatever way, share one model: its weights, its cache and its batch.
///
/// # Errors
/// The first model that does not load.
pub async fn load(specs: &[ModelSpec], config: &EngineConfig) -> Result<BTreeMap<String, Arc<HostModel>>, StartError> {
    let mut models = BTreeMap::new();
    let mut loaded: BTreeMap<PathBuf, Arc<Model>> = BTreeMap::new();
    for spec in specs {
        let path = match &spec.path {
            ModelSource::File(path) => Some(path.clone()),
            ModelSource::Embedded => demo_model_path(),
        };
        let Some(path) = path else {
            tracing::warn!(
                model = spec.name,
                "no model: give one with --model FILE.gguf; until then only health and metadata answer"
            );
            continue;
        };
        let fail = |error| StartError::Model { name: spec.name.clone(), error };
        let (sha256, config, file) = (spec.sha256, config.clone(), path.clone());
        // A path that cannot be resolved is the loader's to report.
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        let known = loaded.get(&place).cloned();
        let model = tokio::task::spawn_blocking(move || load_one(&file, sha256, &config, known))
            .await
            .map_err(|_| fail(ModelError::Loader { path }))?
            .map_err(fail)?;
        loaded.insert(place, model.clone());
        let info = model.info();
        tracing::info!(
            model = spec.name,
            architecture = info.architecture,
            quantization = info.quantization,
            parameters = info.parameter_count,
            context_tokens = info.context_length,
            "model loaded"
        );
        models.insert(spec.name.clone(), HostModel::new(&*spec.name, model, WEIGHT_CACHE_BYTES_MAX));
    }
    Ok(models)
}

/// Loads a model, or gives the `known` one of this path. Its hash is checked in both cases: each name has its own.
fn load_one(
    path: &Path,
    sha256: Option<[u8; 32]>,
    config: &EngineConfig,
    known: Option<Arc<Model>>,
) -> Result<Arc<Model>, ModelError> {
    if let Some(expected) = sha256 {
        check_hash(path, expected)?;
    }
    if let Some(model) = known {
        return Ok(model);
    }
    let bar = Bar::new();
    Model::load(path, config, &bar).map_err(|error| ModelError::Engine { path: PathBuf::from(path), error: Box::new(error) })
}

fn check_hash(path: &Path, expected: [u8; 32]) -> Result<(), ModelError> {
    let found = hash(path).map_err(|error| ModelError::Unreadable { path: PathBuf::from(path), error })?;
    match found == expected {
        true => Ok(()),
        false => Err(ModelError::Hash {
            path: PathBuf::from(path),
            found: hex::encode(found),
            expected: hex::encode(expected),
        }),
    }
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; HASH_CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        match chunk.get(..read) {
            Some(bytes) if !bytes.is_empty() => hasher.update(bytes),
            _ => return Ok(hasher.finalize().into()),
        }
    }
}

/// A bar on a terminal, nothing elsewhere. Gone when dropped.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{msg:8} {wide_bar} {bytes}/{total_bytes}") {
            bar.set_style(style);
        }
        Self(bar)
    }
}

impl LoadProgress for Bar {
    fn advance(&self, stage: LoadStage, done: u64, total: u64) {
        self.0.set_message(match stage {
            LoadStage::Header => "header",
            LoadStage::Weights => "weights",
            LoadStage::Hash => "hash",
        });
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
