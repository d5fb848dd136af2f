//! One file for each architecture: from a file's metadata to a [`DecoderSpec`] and the names of its tensors.

mod gemma;
mod llama;
mod metadata;
mod phi3;
mod qwen2;
mod qwen3;

use crate::gguf::{GgufFile, MetadataError};
use crate::spec::{DecoderSpec, DecoderTensors};

/// The architectures this engine can compute, as GGUF files name them.
pub const SUPPORTED: &[&str] = &["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3"];

/// What cannot be computed, or does not make sense.
#[derive(Debug, thiserror::Error)]
pub enum ArchitectureError {
    #[error("architecture {name:?} is not supported; supported: {}", SUPPORTED.join(", "))]
    Unsupported { name: String },
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("{key} is {value}: {reason}")]
    BadValue { key: String, value: String, reason: &'static str },
    #[error("rope scaling {kind:?} is not supported; supported: none, linear, and the factors of Llama 3")]
    UnsupportedRope { kind: String },
    #[error("the model is a mixture of {experts} experts, which is not supported")]
    Experts { experts: u32 },
}

/// Reads a file's architecture.
pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let metadata = file.metadata();
    let name = metadata.required("general.architecture", metadata.str("general.architecture")?)?;
    match name {
        "llama" => llama::decoder(file),
        "qwen2" => qwen2::decoder(file),
        "qwen3" => qwen3::decoder(file),
        "gemma2" => gemma::gemma2(file),
        "gemma3" => gemma::gemma3(file),
        "phi3" => phi3::decoder(file),
        other => Err(ArchitectureError::Unsupported { name: other.to_owned() }),
    }
}
