//! One file for each architecture: from a file's metadata, or a folder's config.json, to a [`DecoderSpec`] and the names
//! of its tensors.

mod config;
mod gemma;
mod llama;
mod metadata;
mod phi3;
mod qwen2;
mod qwen3;

pub use config::is_left_over;

use config::Config;

use crate::gguf::{GgufFile, MetadataError};
use crate::huggingface::Folder;
use crate::spec::{DecoderSpec, DecoderTensors};

/// The architectures this engine can compute, as GGUF files name them.
pub const SUPPORTED: &[&str] = &["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3"];

/// The architectures this engine can compute, as folders name them: by `model_type`.
pub const SUPPORTED_FOLDERS: &[&str] =
    &["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3"];

/// What cannot be computed, or does not make sense.
#[derive(Debug, thiserror::Error)]
pub enum ArchitectureError {
    #[error("architecture {name:?} is not supported; supported: {}", supported.join(", "))]
    Unsupported { name: String, supported: &'static [&'static str] },
    #[error("config.json: {field} is missing")]
    Absent { field: String },
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("{key} is {value}: {reason}")]
    BadValue { key: String, value: String, reason: &'static str },
    #[error("rope scaling {kind:?} is not supported; supported: none, linear, yarn, and the factors of Llama 3")]
    UnsupportedRope { kind: String },
    #[error("activation {kind:?} is not supported; supported: silu, gelu, gelu_pytorch_tanh, relu")]
    UnsupportedActivation { kind: String },
    #[error("the weights are quantised by {method}, which is not supported; quantised models are read from GGUF files")]
    Quantised { method: String },
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
        other => Err(ArchitectureError::Unsupported { name: other.to_owned(), supported: SUPPORTED }),
    }
}

/// Reads a folder's architecture. Gives its name too.
pub fn folder_decoder(folder: &Folder) -> Result<(String, DecoderSpec, DecoderTensors), ArchitectureError> {
    let config = Config::new(folder.config(), folder.tensors().len());
    let name = config.text("model_type").ok_or_else(|| ArchitectureError::Absent { field: "model_type".into() })?;
    let (spec, tensors) = match name {
        "llama" => llama::llama_folder(&config),
        "mistral" => llama::mistral_folder(&config),
        "qwen2" => qwen2::folder(&config),
        "qwen3" => qwen3::folder(&config),
        "gemma2" => gemma::gemma2_folder(&config),
        "gemma3_text" => gemma::gemma3_folder(&config),
        "phi3" => phi3::folder(&config),
        other => Err(ArchitectureError::Unsupported { name: other.to_owned(), supported: SUPPORTED_FOLDERS }),
    }?;
    Ok((name.to_owned(), spec, tensors))
}
