//! A model's files, in either of the two formats.

use std::path::Path;

use crate::hashes::Hashes;

use crate::gguf::{GgufError, GgufFile};
use crate::huggingface::{Folder, FolderError};
use crate::tensor_info::TensorInfo;

/// The files that a model is loaded from.
#[derive(Debug)]
pub enum ModelFiles {
    /// A GGUF file, which holds everything.
    Gguf(GgufFile),
    /// A Hugging Face folder.
    Folder(Folder),
}

/// Why files cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl ModelFiles {
    /// Opens a folder as a Hugging Face folder, and whatever else as a GGUF file.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        if path.is_dir() { Ok(Self::Folder(Folder::open(path)?)) } else { Ok(Self::Gguf(GgufFile::open(path)?)) }
    }

    /// All tensors, in the files' order.
    pub fn tensors(&self) -> &[TensorInfo] {
        match self {
            Self::Gguf(file) => file.tensors(),
            Self::Folder(folder) => folder.tensors(),
        }
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        match self {
            Self::Gguf(file) => file.tensor(name),
            Self::Folder(folder) => folder.tensor(name),
        }
    }

    /// The stored bytes of a tensor of these files.
    pub fn tensor_bytes(&self, tensor: &TensorInfo) -> &[u8] {
        match self {
            Self::Gguf(file) => file.tensor_bytes(tensor),
            Self::Folder(folder) => folder.tensor_bytes(tensor),
        }
    }

    /// What the names of a layer's tensors begin with.
    pub fn layer_prefix(&self, layer: u32) -> String {
        match self {
            Self::Gguf(_) => format!("blk.{layer}."),
            Self::Folder(folder) => format!("{}.{layer}.", folder.layers_name()),
        }
    }

    /// Bytes of all files that hold weights.
    pub fn byte_len(&self) -> u64 {
        match self {
            Self::Gguf(file) => file.bytes().len() as u64,
            Self::Folder(folder) => folder.weight_files().map(|bytes| bytes.len() as u64).sum(),
        }
    }

    /// The hashes of the file that holds the weights; of several, each is the hash of their hashes one behind the other,
    /// in alphabetical order of the files' names. Every byte is read once, whether or not `sha256` is wanted too.
    pub fn hashes(&self, sha256: bool) -> Hashes {
        match self {
            Self::Gguf(file) => Hashes::of(file.bytes(), sha256),
            Self::Folder(folder) => {
                let hashes: Vec<Hashes> = folder.weight_files().map(|bytes| Hashes::of(bytes, sha256)).collect();
                if let [only] = hashes[..] { only } else { Hashes::of_several(&hashes, sha256) }
            }
        }
    }

    /// Lets go of the memory that holds the files' pages; those that are read again come back from the system's cache.
    pub fn release_pages(&self) {
        match self {
            Self::Gguf(file) => file.release_pages(),
            Self::Folder(folder) => folder.release_pages(),
        }
    }
}
