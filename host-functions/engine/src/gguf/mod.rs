//! Reading GGUF files (versions 2 and 3), over a memory map and with nothing taken on trust.
//!
//! ```text
//! "GGUF" version tensor_count key_count | keys and values | tensor table | padding | tensor data, aligned
//!        ^ header.rs                      ^ metadata.rs     ^ tensor.rs              ^ GgufFile::tensor_bytes
//! ```
//!
//! A header is scanned once: every count, length and offset is checked against the file before it is used, and what
//! is kept are ranges into the file, so a hostile header cannot make the reader allocate more than the file's size.
//! Values are decoded when they are asked for, by type, and an error says what was being read, where, and the numbers.

mod cursor;
mod error;
mod header;
mod metadata;
mod tensor;

pub use error::GgufError;
pub use header::{KEYS_MAX, TENSORS_MAX};
pub use metadata::{Array, Metadata, MetadataError, ValueType};

use std::fs::File;
use std::path::Path;

use header::Header;
use memmap2::Mmap;

pub use crate::tensor_info::{TensorInfo, type_name};

/// An open file: its map, and what the header says.
///
/// The file must not be changed while it is open: like every memory-mapping reader, this one would see the change.
pub struct GgufFile {
    map: Mmap,
    header: Header,
}

impl GgufFile {
    /// Maps the file and checks its header.
    ///
    /// # Errors
    /// Everything that makes the file unreadable or not GGUF; see [`GgufError`].
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(GgufError::NotAFile);
        }
        if metadata.len() == 0 {
            return Err(GgufError::Truncated { what: "magic".into(), offset: 0, needed: 4, left: 0 });
        }
        // SAFETY: the map is private to this value and read-only. That nobody shortens the file meanwhile is the
        // documented condition of opening a model; a reader cannot enforce it.
        let map = unsafe { Mmap::map(&file) }?;
        let header = Header::parse(&map)?;
        Ok(Self { map, header })
    }

    /// The whole file.
    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// The format version, 2 or 3.
    pub fn version(&self) -> u32 {
        self.header.version
    }

    /// The keys and values.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::new(&self.map, &self.header.keys)
    }

    /// Lets go of the memory that holds the file's pages; those that are read again come back from the system's cache.
    pub fn release_pages(&self) {
        // SAFETY: the map is shared with the file and never written, so dropping its pages loses nothing.
        let advised = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        if let Err(error) = advised {
            tracing::debug!(%error, "the file's pages stay resident");
        }
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.header.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.header.tensor_index.get(name).and_then(|&i| self.header.tensors.get(i))
    }

    /// The stored bytes of a tensor of this file.
    pub fn tensor_bytes(&self, tensor: &TensorInfo) -> &[u8] {
        // The range was checked against this file when the header was scanned; a TensorInfo of another file gets
        // whatever lies there, or nothing.
        self.map.get(tensor.range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for GgufFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GgufFile")
            .field("version", &self.header.version)
            .field("keys", &self.header.keys.len())
            .field("tensors", &self.header.tensors.len())
            .finish()
    }
}

/// Scans a header that lies in memory and gives the number of its keys and tensors; for fuzzing.
///
/// # Errors
/// See [`GgufError`].
pub fn check_header(bytes: &[u8]) -> Result<(usize, usize), GgufError> {
    Header::parse(bytes).map(|header| (header.keys.len(), header.tensors.len()))
}
