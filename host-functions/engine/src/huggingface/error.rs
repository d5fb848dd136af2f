//! What can be wrong with a Hugging Face folder.

use std::path::PathBuf;

use super::safetensors::HEADER_BYTES_MAX;
use super::shards::{INDEX, SHARDS_MAX, SINGLE};

/// Why a folder is refused. Every error names the file.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is missing", path = path.display())]
    Missing { path: PathBuf },
    #[error("{path} has {bytes} bytes; at most {max} are read", path = path.display())]
    TooLarge { path: PathBuf, bytes: u64, max: u64 },
    #[error("{path}: {source}", path = path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{path} is not UTF-8", path = path.display())]
    NotUtf8 { path: PathBuf },
    #[error("{path} has neither {SINGLE} nor {INDEX}; weights of other formats are not read", path = path.display())]
    NoWeights { path: PathBuf },
    #[error("{path} names {count} files; at most {SHARDS_MAX} are read", path = path.display())]
    TooManyShards { path: PathBuf, count: usize },
    #[error("{path} names the file {name:?}, which is no plain file name", path = path.display())]
    ShardName { path: PathBuf, name: String },
    #[error("{path}: {source}", path = path.display())]
    Safetensors { path: PathBuf, source: SafetensorsError },
    #[error("{path} has no tensor {tensor:?}, which the index says is there", path = path.display())]
    NotInShard { path: PathBuf, tensor: String },
    #[error("tensor {tensor:?} is in {first} and in {second}", first = first.display(), second = second.display())]
    InTwoShards { tensor: String, first: PathBuf, second: PathBuf },
}

/// Why a safetensors file is refused. Offsets are bytes from the beginning of the tensor data.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    #[error("the file has {file_bytes} bytes and ends within the header's length")]
    NoHeader { file_bytes: usize },
    #[error("the header is said to have {header_bytes} bytes; at most {HEADER_BYTES_MAX} are read")]
    HeaderTooLarge { header_bytes: u64 },
    #[error("the file ends within the header: {header_bytes} bytes needed, {left} left")]
    HeaderTruncated { header_bytes: u64, left: usize },
    #[error("the header: {source}")]
    Header { source: serde_json::Error },
    #[error("tensor {tensor:?} occurs twice")]
    Duplicate { tensor: String },
    #[error("tensor {tensor:?} has the impossible shape {shape:?}")]
    BadShape { tensor: String, shape: Vec<u64> },
    #[error("tensor {tensor:?} of type {dtype} and shape {shape:?} takes {needed} bytes, but has {actual}")]
    WrongSize { tensor: String, dtype: String, shape: Vec<u64>, needed: u64, actual: u64 },
    #[error("tensor {tensor:?} lies at {start} to {end}, but the file has {data_bytes} bytes of tensors")]
    OutOfBounds { tensor: String, start: u64, end: u64, data_bytes: usize },
    #[error("tensor {tensor:?} begins at {start}, where the tensor before it ends at {expected}")]
    NotAdjacent { tensor: String, start: u64, expected: u64 },
    #[error("the last tensor ends at {end}, but the file has {data_bytes} bytes of tensors")]
    Trailing { end: u64, data_bytes: usize },
}
