//! What can go wrong between a hub and the cache. Each message is one line and says what to do.

use std::path::PathBuf;

/// Why a model could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("{text:?} is not of the form hf:OWNER/NAME or hf:OWNER/NAME:FILE")]
    InvalidReference { text: String },
    #[error("HF_ENDPOINT {endpoint:?} is not an http or https address")]
    InvalidEndpoint { endpoint: String },
    #[error("{endpoint} cannot be reached ({reason}); give a model file by its path, or set HF_ENDPOINT to a mirror")]
    Unreachable { endpoint: String, reason: String },
    #[error("{reference} is not in the cache, and HF_HUB_OFFLINE forbids to fetch it")]
    Offline { reference: String },
    #[error("{what} does not exist at {endpoint}")]
    NotFound { what: String, endpoint: String },
    #[error("{what} needs a token that may read it: set HF_TOKEN")]
    Forbidden { what: String },
    #[error("{repository} has {} GGUF files; name one: {}", files.len(), files.join(", "))]
    Ambiguous { repository: String, files: Vec<String> },
    #[error("{repository} has neither a GGUF file nor a config.json with safetensors files")]
    NoModel { repository: String },
    #[error("{file} has {found} bytes where the hub announced {expected}; pull again to resume")]
    Size { file: String, found: u64, expected: u64 },
    #[error("{file} is damaged: its SHA-256 is {found}, the hub announced {expected}; it was removed")]
    Checksum { file: String, found: String, expected: String },
    #[error("the hub's answer for {file} makes no sense: {reason}")]
    Protocol { file: String, reason: String },
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{what}: {reason}")]
    Transfer { what: String, reason: String },
}
