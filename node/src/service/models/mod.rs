//! Loading the chain's models, one after another, and telling how far it is.

mod progress;
mod source;

pub use progress::Download;
pub use source::{fetched, hub_config};

use super::error::{ModelError, StartError};
use crate::executor::HostModel;
use progress::Progress;
use realm_chain_spec::ModelSpec;
use realm_engine::{EngineConfig, LoadError, Model};
use realm_host_functions::WEIGHT_CACHE_BYTES_MAX;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Loads all models. One whose weights do not come with this node is left out, and said so. Names that point to one file
/// or folder, by whatever way, share one model: its weights, its cache and its batch.
///
/// # Errors
/// The first model that does not load.
pub async fn load(specs: &[ModelSpec], config: &EngineConfig) -> Result<BTreeMap<String, Arc<HostModel>>, StartError> {
    let mut models = BTreeMap::new();
    let mut loaded: BTreeMap<PathBuf, Arc<Model>> = BTreeMap::new();
    for spec in specs {
        let fail = |error| StartError::Model { name: spec.name.clone(), error };
        let source = spec.path.clone();
        let found = tokio::task::spawn_blocking(move || source::path_of(&source)).await;
        let found = found.map_err(|_| fail(ModelError::Loader { path: PathBuf::from(spec.path.to_text()) }))?;
        let Some(path) = found.map_err(fail)? else {
            tracing::warn!(
                model = spec.name,
                "no model: give one with --model FILE.gguf; until then only health and metadata answer"
            );
            continue;
        };
        let (name, sha256, config, file) = (spec.name.clone(), spec.sha256, config.clone(), path.clone());
        // A path that cannot be resolved is the loader's to report.
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        let known = loaded.get(&place).cloned();
        let model = tokio::task::spawn_blocking(move || load_one(&name, &file, sha256, &config, known))
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
    name: &str,
    path: &Path,
    sha256: Option<[u8; 32]>,
    config: &EngineConfig,
    known: Option<Arc<Model>>,
) -> Result<Arc<Model>, ModelError> {
    let loaded = match (known, sha256) {
        (None, _) => Model::load(path, &EngineConfig { sha256, ..config.clone() }, &Progress::new(name)),
        (Some(model), None) => Ok(model),
        (Some(model), Some(sha256)) => model.check_sha256(sha256).map(|()| model),
    };
    loaded.map_err(|error| match error {
        LoadError::Sha256 { found, wanted } => ModelError::Hash { path: PathBuf::from(path), found, expected: wanted },
        error => ModelError::Engine { path: PathBuf::from(path), error: Box::new(error) },
    })
}
