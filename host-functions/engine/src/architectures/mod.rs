//! One file for each architecture: from a file's metadata, or a folder's config.json, to a [`DecoderSpec`] or an
//! [`EncoderSpec`], and the names of its tensors.

mod bert;
mod config;
mod gemma;
mod llama;
mod long_rope;
mod metadata;
mod phi3;
mod qwen2;
mod qwen3;
mod sentence;

use config::Config;

use crate::encoder::{EncoderSpec, EncoderTensors};
use crate::gguf::{GgufFile, MetadataError};
use crate::huggingface::{Folder, FolderError};
use crate::spec::{DecoderSpec, DecoderTensors};

/// The architectures this engine can compute, as GGUF files name them.
pub const SUPPORTED: &[&str] = &["llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "bert"];

/// The architectures this engine can compute, as folders name them: by `model_type`.
pub const SUPPORTED_FOLDERS: &[&str] = &["llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "phi3", "bert"];

/// What cannot be computed, or does not make sense.
#[derive(Debug, thiserror::Error)]
pub enum ArchitectureError {
    #[error("architecture {name:?} is not supported; supported: {}", supported.join(", "))]
    Unsupported { name: String, supported: &'static [&'static str] },
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("config.json: {field} is missing")]
    Absent { field: String },
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("{key} is {value}: {reason}")]
    BadValue { key: String, value: String, reason: &'static str },
    #[error(
        "rope scaling {kind:?} is not supported; supported: none, linear, yarn, longrope, and the factors of Llama 3"
    )]
    UnsupportedRope { kind: String },
    #[error("activation {kind:?} is not supported; supported: silu, gelu, gelu_pytorch_tanh, relu")]
    UnsupportedActivation { kind: String },
    #[error("the weights are quantised by {method}, which is not supported; quantised models are read from GGUF files")]
    Quantised { method: String },
    #[error("the model is a mixture of {experts} experts, which is not supported")]
    Experts { experts: u32 },
}

/// What a model computes, and the names of its tensors.
pub enum Architecture {
    /// Generates text, token by token.
    Decoder(DecoderSpec, DecoderTensors),
    /// Gives texts vectors.
    Encoder(EncoderSpec, EncoderTensors),
}

impl Architecture {
    /// The first of `names` that is none of the model's tensors.
    pub fn first_stranger<'a>(&self, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
        match self {
            Self::Decoder(spec, tensors) => tensors.first_stranger(spec, names),
            Self::Encoder(_, tensors) => tensors.first_stranger(names),
        }
    }

    /// The matrix whose type is taken for the whole model's: one of the first layer's, or where there are no layers the
    /// one that gives logits or takes words.
    pub fn main_matrix(&self) -> &str {
        match self {
            Self::Decoder(_, tensors) => {
                tensors.layers.first().map_or(tensors.output_matrix(), |layer| &layer.attention_output)
            }
            Self::Encoder(_, tensors) => {
                tensors.layers.first().map_or(&tensors.words, |layer| &layer.attention_output.weight)
            }
        }
    }
}

/// Reads a file's architecture.
pub fn of_file(file: &GgufFile) -> Result<Architecture, ArchitectureError> {
    let metadata = file.metadata();
    let name = metadata.required("general.architecture", metadata.str("general.architecture")?)?;
    let (spec, tensors) = match name {
        "bert" => return bert::encoder(file).map(|(spec, tensors)| Architecture::Encoder(spec, tensors)),
        "llama" => llama::decoder(file),
        "qwen2" => qwen2::decoder(file),
        "qwen3" => qwen3::decoder(file),
        "gemma2" => gemma::gemma2(file),
        "gemma3" => gemma::gemma3(file),
        "phi3" => phi3::decoder(file),
        other => Err(ArchitectureError::Unsupported { name: other.to_owned(), supported: SUPPORTED }),
    }?;
    Ok(Architecture::Decoder(spec, tensors))
}

/// Reads a folder's architecture. Gives its name too.
pub fn of_folder(folder: &Folder) -> Result<(String, Architecture), ArchitectureError> {
    let config = Config::new(folder.config(), folder.tensors().len());
    let name = config.text("model_type").ok_or_else(|| ArchitectureError::Absent { field: "model_type".into() })?;
    let decoder = match name {
        "bert" => {
            let (spec, tensors) = bert::folder(folder, &config)?;
            return Ok((name.to_owned(), Architecture::Encoder(spec, tensors)));
        }
        "llama" => llama::llama_folder(&config),
        "mistral" => llama::mistral_folder(&config),
        "qwen2" => qwen2::folder(&config),
        "qwen3" => qwen3::folder(&config),
        "gemma2" => gemma::gemma2_folder(&config),
        "gemma3_text" => gemma::gemma3_folder(&config),
        "phi3" => phi3::folder(&config),
        other => Err(ArchitectureError::Unsupported { name: other.to_owned(), supported: SUPPORTED_FOLDERS }),
    };
    let (spec, tensors) = decoder?;
    Ok((name.to_owned(), Architecture::Decoder(spec, tensors)))
}

/// Whether a tensor of a folder is one that folders have beside their weights, and that nobody reads.
pub fn is_left_over(architecture: &Architecture, name: &str) -> bool {
    match architecture {
        Architecture::Decoder(..) => config::is_left_over(name),
        Architecture::Encoder(..) => bert::is_left_over(name),
    }
}
