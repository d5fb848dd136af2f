//! What can be wrong with a GGUF file.

use super::header::{KEYS_MAX, TENSORS_MAX};

/// Why a file is refused; whoever asked for it knows its path. Offsets and lengths are bytes from the file's beginning.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("it is not a file")]
    NotAFile,
    #[error("not a GGUF file: it begins with {found:02x?}")]
    NotGguf { found: [u8; 4] },
    #[error("GGUF version {version} is not supported; versions 2 and 3 are")]
    UnsupportedVersion { version: u32 },
    #[error("the file is big-endian; only little-endian files are supported")]
    BigEndian,
    #[error("the file ends within {what}: {needed} bytes needed at offset {offset}, {left} left")]
    Truncated { what: String, offset: usize, needed: u64, left: usize },
    #[error("{count} keys are more than the {KEYS_MAX} a file may have")]
    TooManyKeys { count: u64 },
    #[error("{count} tensors are more than the {TENSORS_MAX} a file may have")]
    TooManyTensors { count: u64 },
    #[error("the name of {what} at offset {offset} is not UTF-8")]
    NameNotUtf8 { what: String, offset: usize },
    #[error("key {key:?} occurs twice")]
    DuplicateKey { key: String },
    #[error("{what} at offset {offset} has the unknown value type {value_type}")]
    UnknownValueType { what: String, offset: usize, value_type: u32 },
    #[error("{what} at offset {offset} holds arrays nested more than {depth_max} deep")]
    NestedTooDeep { what: String, offset: usize, depth_max: usize },
    #[error("general.alignment is {alignment}; it must be a power of two of at least 8 and at most 65536")]
    BadAlignment { alignment: u64 },
    #[error("tensor {tensor:?} occurs twice")]
    DuplicateTensor { tensor: String },
    #[error("tensor {tensor:?} has {count} dimensions; 1 to 4 are possible")]
    BadDimensionCount { tensor: String, count: u32 },
    #[error("tensor {tensor:?} has the impossible dimensions {dims:?}")]
    BadDimensions { tensor: String, dims: Vec<u64> },
    #[error("tensor {tensor:?} has the type {name} (number {number}), which is not supported")]
    UnsupportedTensorType { tensor: String, number: u32, name: &'static str },
    #[error("tensor {tensor:?} of type {tensor_type} has rows of {row_len} values, no multiple of {block_len}")]
    PartialBlock { tensor: String, tensor_type: &'static str, row_len: usize, block_len: usize },
    #[error("tensor {tensor:?} begins at offset {offset}, no multiple of the alignment {alignment}")]
    Misaligned { tensor: String, offset: u64, alignment: usize },
    #[error("tensor {tensor:?} takes {bytes} bytes at offset {offset}, but the file has {file_bytes}")]
    TensorOutOfBounds { tensor: String, offset: u64, bytes: u64, file_bytes: usize },
    #[error("tensors {first:?} and {second:?} overlap at offset {offset}")]
    Overlap { first: String, second: String, offset: usize },
}
