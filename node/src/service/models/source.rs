//! From where a specification says a model is to a path.

use super::progress::Download;
use crate::service::{ModelError, demo_model::demo_model_path};
use realm_chain_spec::ModelSource;
use realm_engine::hub::{self, HubConfig, HubError};
use std::path::PathBuf;

/// The path of a model; one on a hub is fetched unless the cache has it. `None`: its weights do not come with this node.
///
/// Blocks as long as a download takes.
///
/// # Errors
/// The hub's, or a reference to one that is none.
pub fn path_of(source: &ModelSource) -> Result<Option<PathBuf>, ModelError> {
    match source {
        ModelSource::File(path) => Ok(Some(path.clone())),
        ModelSource::Embedded => Ok(demo_model_path()),
        ModelSource::Hub(reference) => Ok(Some(fetched(reference)?)),
    }
}

/// The path of `hf:OWNER/NAME[:FILE]`, from the cache or a hub, as the environment says.
///
/// # Errors
/// One line each; see [`HubError`].
pub fn fetched(reference: &str) -> Result<PathBuf, HubError> {
    hub::resolve(&reference.parse()?, &hub_config(), &Download::new())
}

/// What the environment says about hubs: `HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`.
pub fn hub_config() -> HubConfig {
    let variable = |name: &str| std::env::var(name).ok();
    HubConfig::from_env(variable, std::env::home_dir().unwrap_or_default())
}
