//! Small files of a folder, read whole and within a bound.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde_json::Value;

use super::error::FolderError;

/// The bytes of a file, or `None` if there is no such file.
pub fn optional(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, FolderError> {
    let io = |source| FolderError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(io)?;
    let len = bytes.len() as u64;
    if len > bytes_max {
        return Err(FolderError::TooLarge { path: path.to_owned(), bytes: len, max: bytes_max });
    }
    Ok(Some(bytes))
}

/// The value in a JSON file, or `None` if there is no such file.
pub fn optional_json(path: &Path, bytes_max: u64) -> Result<Option<Value>, FolderError> {
    let parse = |bytes: Vec<u8>| {
        serde_json::from_slice(&bytes).map_err(|source| FolderError::Json { path: path.to_owned(), source })
    };
    optional(path, bytes_max)?.map(parse).transpose()
}

/// A file that must be there.
pub fn required<T>(path: &Path, found: Option<T>) -> Result<T, FolderError> {
    found.ok_or_else(|| FolderError::Missing { path: path.to_owned() })
}
