//! Fetches models from a Hugging Face hub into the standard cache, or finds them there.
//!
//! ```text
//! hf:OWNER/NAME:FILE ── in the cache? ── yes ─────────────────────────────── path
//!                          └ no ── reachable? ── fetch, resume ── checksum ─┘
//! ```
//!
//! The cache is the one that the Python tools use, so that a file fetched by either is fetched once.
//! Everything here blocks; call it from a thread that may.

mod cached;
mod error;
mod pull;
mod reference;

pub use error::HubError;
pub use pull::pull;
pub use reference::{HubRef, SCHEME};

use hf_hub::Cache;
use std::path::PathBuf;

/// Where models are fetched from, and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// Address of the hub, without a slash at its end; `None` is the public one.
    pub endpoint: Option<String>,
    /// Sent to the hub, for repositories that are not public.
    pub token: Option<String>,
    /// The cache's `hub` folder.
    pub cache: PathBuf,
    /// Use the cache only.
    pub offline: bool,
}

impl HubConfig {
    /// As the hub's own tools read the environment: `HF_ENDPOINT`, `HF_TOKEN` (or the token that a login
    /// left beside the cache), `HF_HUB_CACHE` or `HF_HOME`, `HF_HUB_OFFLINE`. `home` is the user's home.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>, home: PathBuf) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let folder = set("HF_HOME").map_or_else(|| home.join(".cache").join("huggingface"), PathBuf::from);
        let cache = set("HF_HUB_CACHE").map_or_else(|| folder.join("hub"), PathBuf::from);
        Self {
            endpoint: set("HF_ENDPOINT").map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            token: set("HF_TOKEN").or_else(|| Cache::new(cache.clone()).token()),
            cache,
            offline: set("HF_HUB_OFFLINE")
                .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")),
        }
    }
}

/// Follows a download.
pub trait PullProgress {
    /// `done` of `total` bytes of a file are here; called with 0 first and `total` last.
    fn advance(&self, file: &str, done: u64, total: u64);
}

/// Follows nothing.
pub struct Unobserved;

impl PullProgress for Unobserved {
    fn advance(&self, _file: &str, _done: u64, _total: u64) {}
}

/// The path of a model that a reference names: as the cache has it, whatever the hub has by now; else [`pull`]ed.
///
/// # Errors
/// As [`pull`].
pub fn resolve(reference: &HubRef, config: &HubConfig, progress: &dyn PullProgress) -> Result<PathBuf, HubError> {
    match cached::cached(reference, &Cache::new(config.cache.clone())) {
        Some(path) => Ok(path),
        None => pull(reference, config, progress),
    }
}
