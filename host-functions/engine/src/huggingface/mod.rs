//! Hugging Face folders: `config.json`, safetensors, `tokenizer.json` and what else lies beside them.
//!
//! ```text
//! config.json              what the model is        architectures/config.rs
//! model.safetensors        its weights: one file,   safetensors.rs
//!   or ..index.json          or several             shards.rs
//! tokenizer.json, tokenizer_config.json, chat_template.jinja, generation_config.json
//! ```
//! Weights are memory-mapped and stay in the type that the files have. The small files are read when they are asked
//! for, each within a bound. A link to a file is as good as the file: that is how the Hugging Face cache keeps them.

mod error;
mod files;
mod safetensors;
mod shards;

pub use error::{FolderError, SafetensorsError};
pub use safetensors::{HEADER_BYTES_MAX, OtherTensor, TENSORS_MAX};
pub use shards::SHARDS_MAX;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::{Header, SafetensorsFile};
use serde_json::Value;

use crate::tensor_info::TensorInfo;

/// The longest file of settings.
const SETTINGS_BYTES_MAX: u64 = 16 << 20;
/// The longest tokenizer; the largest known ones have some 35 MB.
const TOKENIZER_BYTES_MAX: u64 = 256 << 20;

/// An open folder. Its files must not be changed while it is open.
pub struct Folder {
    path: PathBuf,
    config: Value,
    shards: Vec<SafetensorsFile>,
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
    others: Vec<OtherTensor>,
}

impl Folder {
    /// Reads config.json, maps all weight files and checks their headers.
    ///
    /// # Errors
    /// See [`FolderError`].
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let config_path = path.join("config.json");
        let config = files::required(&config_path, files::optional_json(&config_path, SETTINGS_BYTES_MAX)?)?;
        let mut folder = Self {
            path: path.to_owned(),
            config,
            shards: Vec::new(),
            tensors: Vec::new(),
            index: HashMap::new(),
            others: Vec::new(),
        };
        let shards = shards::find(path)?;
        let paths: Vec<PathBuf> = shards.keys().map(|name| path.join(name)).collect();
        for (path, listed) in paths.iter().zip(shards.values()) {
            folder.add_shard(path, listed, &paths)?;
        }
        Ok(folder)
    }

    fn add_shard(&mut self, path: &Path, listed: &[String], paths: &[PathBuf]) -> Result<(), FolderError> {
        let file = self.shards.len();
        let mut shard = SafetensorsFile::open(path)?;
        for tensor in std::mem::take(&mut shard.header.tensors) {
            if let Some(first) = self.index.insert(tensor.name.clone(), self.tensors.len()) {
                let first = self.tensors.get(first).and_then(|tensor| paths.get(tensor.file));
                let first = first.cloned().unwrap_or_default();
                return Err(FolderError::InTwoShards { tensor: tensor.name, first, second: path.to_owned() });
            }
            self.tensors.push(TensorInfo { file, ..tensor });
        }
        let others = std::mem::take(&mut shard.header.others);
        let is_here = |name: &String| {
            let tensor = self.index.get(name).and_then(|&at| self.tensors.get(at));
            tensor.is_some_and(|tensor| tensor.file == file) || others.iter().any(|other| other.name == *name)
        };
        if let Some(tensor) = listed.iter().find(|name| !is_here(name)) {
            return Err(FolderError::NotInShard { path: path.to_owned(), tensor: tensor.clone() });
        }
        self.others.extend(others);
        self.shards.push(shard);
        Ok(())
    }

    /// What the folder is called; within the Hugging Face cache, what the model is called there: `OWNER/NAME`.
    pub fn name(&self) -> String {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let repository = path.parent().filter(|parent| name(parent) == "snapshots").and_then(Path::parent).map(name);
        let cached = repository.as_deref().and_then(|repository| repository.strip_prefix("models--"));
        cached.map_or_else(|| name(&path), |cached| cached.replacen("--", "/", 1))
    }

    /// What config.json says.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// What another file of settings says, or `None` if there is no such file.
    ///
    /// # Errors
    /// A file that is not JSON, or has more than 16 MiB.
    pub fn settings(&self, file: &str) -> Result<Option<Value>, FolderError> {
        files::optional_json(&self.path.join(file), SETTINGS_BYTES_MAX)
    }

    /// What another file of settings says that must be there.
    ///
    /// # Errors
    /// No such file, one that is not JSON, or more than 16 MiB.
    pub fn required_settings(&self, file: &str) -> Result<Value, FolderError> {
        files::required(&self.path.join(file), self.settings(file)?)
    }

    /// The bytes of tokenizer.json.
    ///
    /// # Errors
    /// No such file, or more than 256 MiB.
    pub fn tokenizer(&self) -> Result<Vec<u8>, FolderError> {
        let path = self.path.join("tokenizer.json");
        files::required(&path, files::optional(&path, TOKENIZER_BYTES_MAX)?)
    }

    /// A file of text, or `None` if there is no such file.
    ///
    /// # Errors
    /// A file that is not UTF-8, or has more than 16 MiB.
    pub fn text(&self, file: &str) -> Result<Option<String>, FolderError> {
        let path = self.path.join(file);
        let bytes = files::optional(&path, SETTINGS_BYTES_MAX)?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| FolderError::NotUtf8 { path })).transpose()
    }

    /// All tensors, file by file, in the files' order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.index.get(name).and_then(|&at| self.tensors.get(at))
    }

    /// What the names of all layers' tensors begin with.
    pub fn layers_name(&self) -> &'static str {
        let is_there = |name: &&&str| self.tensors.iter().any(|tensor| tensor.name.starts_with(**name));
        ["encoder.layer", "bert.encoder.layer"].iter().find(is_there).copied().unwrap_or("model.layers")
    }

    /// The tensors of types that this engine does not compute with.
    pub fn others(&self) -> &[OtherTensor] {
        &self.others
    }

    /// The stored bytes of a tensor of this folder.
    pub fn tensor_bytes(&self, tensor: &TensorInfo) -> &[u8] {
        let file = self.shards.get(tensor.file).map_or(&[][..], SafetensorsFile::bytes);
        file.get(tensor.range.clone()).unwrap_or_default()
    }

    /// The weight files' bytes, in alphabetical order of the files' names.
    pub fn weight_files(&self) -> impl Iterator<Item = &[u8]> {
        self.shards.iter().map(SafetensorsFile::bytes)
    }

    /// Lets go of the memory that holds the files' pages.
    pub fn release_pages(&self) {
        self.shards.iter().for_each(SafetensorsFile::release_pages);
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (shards, tensors) = (self.shards.len(), self.tensors.len());
        f.debug_struct("Folder").field("path", &self.path).field("shards", &shards).field("tensors", &tensors).finish()
    }
}

/// Reads the header of a safetensors file that lies in memory and gives the number of its tensors; for fuzzing.
///
/// # Errors
/// See [`SafetensorsError`].
pub fn check_safetensors(bytes: &[u8]) -> Result<usize, SafetensorsError> {
    Header::parse(bytes).map(|header| header.tensors.len() + header.others.len())
}
