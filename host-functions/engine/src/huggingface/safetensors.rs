//! Reading one safetensors file, over a memory map and with nothing taken on trust.
//!
//! ```text
//! header length: u64 | header: JSON {name: {dtype, shape, data_offsets: [start, end]}, ..} | tensor data
//! ```
//! As the format demands, the tensors fill the data section without gaps or overlaps; so a file that was cut off, or
//! that another file's header was put on, does not pass.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use realm_kernels::WeightType;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::{FolderError, SafetensorsError};
use crate::tensor_info::TensorInfo;

/// The longest header: the format's own bound.
pub const HEADER_BYTES_MAX: u64 = 100_000_000;
/// The most tensors in a file. Real files have a dozen for each layer.
pub const TENSORS_MAX: usize = 1 << 16;
/// The most dimensions of a tensor.
const DIMS_MAX: usize = 8;
/// What may stand in a header beside the tensors.
const METADATA: &str = "__metadata__";
/// Counts above this are no real tensor's, and their bytes would overflow.
const LEN_MAX: u64 = 1 << 56;

/// An open file. It must not be changed while it is open.
pub struct SafetensorsFile {
    map: Mmap,
    pub header: Header,
}

/// What a file's header says; ranges are those of the file.
#[derive(Debug, Default)]
pub struct Header {
    /// In the order in which they lie in the file.
    pub tensors: Vec<TensorInfo>,
    /// Tensors of types that no weight can have, such as whole numbers.
    pub others: Vec<OtherTensor>,
}

/// A tensor of a type that this engine does not compute with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherTensor {
    pub name: String,
    /// As the file writes it: `I64`, `F8_E4M3`, ..
    pub dtype: String,
}

impl SafetensorsFile {
    /// Maps a file and checks its header.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => FolderError::Missing { path: path.to_owned() },
            _ => FolderError::Io { path: path.to_owned(), source },
        };
        let bad = |source| FolderError::Safetensors { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(bad(SafetensorsError::NoHeader { file_bytes: 0 }));
        }
        // SAFETY: the map is private to this value and read-only. That nobody shortens the file meanwhile is the
        // documented condition of opening a model; a reader cannot enforce it.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let header = Header::parse(&map).map_err(bad)?;
        Ok(Self { map, header })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Lets go of the memory that holds the file's pages; those that are read again come back from the system's cache.
    pub fn release_pages(&self) {
        // SAFETY: the map is shared with the file and never written, so dropping its pages loses nothing.
        let advised = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        if let Err(error) = advised {
            tracing::debug!(%error, "the file's pages stay resident");
        }
    }
}

impl Header {
    /// Reads the header of a whole file.
    pub fn parse(file: &[u8]) -> Result<Self, SafetensorsError> {
        let no_header = SafetensorsError::NoHeader { file_bytes: file.len() };
        let (header_bytes, rest) = file.split_first_chunk().ok_or(no_header)?;
        let header_bytes = u64::from_le_bytes(*header_bytes);
        if header_bytes > HEADER_BYTES_MAX {
            return Err(SafetensorsError::HeaderTooLarge { header_bytes });
        }
        let truncated = SafetensorsError::HeaderTruncated { header_bytes, left: rest.len() };
        let (header, data) = rest.split_at_checked(header_bytes as usize).ok_or(truncated)?;
        let Table(mut entries) =
            serde_json::from_slice(header).map_err(|source| SafetensorsError::Header { source })?;
        let mut names = HashSet::new();
        if let Some((name, _)) = entries.iter().find(|(name, _)| !names.insert(name.as_str())) {
            return Err(SafetensorsError::Duplicate { tensor: name.clone() });
        }
        entries.sort_by_key(|(_, entry)| entry.data_offsets);
        let mut parsed = Self::default();
        let mut end = 0;
        for (name, entry) in entries {
            let [start, stop] = entry.data_offsets;
            if stop < start || stop > data.len() as u64 {
                return Err(SafetensorsError::OutOfBounds { tensor: name, start, end: stop, data_bytes: data.len() });
            }
            if start != end {
                return Err(SafetensorsError::NotAdjacent { tensor: name, start, expected: end });
            }
            end = stop;
            parsed.add(name, entry, file.len() - data.len())?;
        }
        if end != data.len() as u64 {
            return Err(SafetensorsError::Trailing { end, data_bytes: data.len() });
        }
        Ok(parsed)
    }

    /// Takes an entry whose range lies within the data section, which begins at `data_start`.
    fn add(&mut self, tensor: String, entry: Entry, data_start: usize) -> Result<(), SafetensorsError> {
        let Entry { dtype, shape: Shape(shape), data_offsets: [start, end] } = entry;
        let weight_type = match dtype.as_str() {
            "F32" => WeightType::F32,
            "F16" => WeightType::F16,
            "BF16" => WeightType::BF16,
            _ => {
                self.others.push(OtherTensor { name: tensor, dtype });
                return Ok(());
            }
        };
        let len = shape.iter().try_fold(1u64, |len, &dim| len.checked_mul(dim).filter(|&len| len <= LEN_MAX));
        let Some(len) = len.filter(|&len| len > 0) else {
            return Err(SafetensorsError::BadShape { tensor, shape });
        };
        let (needed, actual) = (len * weight_type.block_bytes() as u64, end - start);
        if needed != actual {
            return Err(SafetensorsError::WrongSize { tensor, dtype, shape, needed, actual });
        }
        // All of these are below the file's length, which fits the address space.
        let range = data_start + start as usize..data_start + end as usize;
        let shape = shape.into_iter().map(|dim| dim as usize).collect();
        self.tensors.push(TensorInfo { name: tensor, shape, weight_type, len: len as usize, file: 0, range });
        Ok(())
    }
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Shape,
    data_offsets: [u64; 2],
}

/// Dimensions, outermost first: no more than [`DIMS_MAX`], so that what is kept of a header is never longer than it.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Dimensions;
        impl<'de> Visitor<'de> for Dimensions {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "up to {DIMS_MAX} dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Shape, A::Error> {
                let mut dims = Vec::new();
                while let Some(dim) = sequence.next_element()? {
                    if dims.len() == DIMS_MAX {
                        return Err(A::Error::invalid_length(DIMS_MAX + 1, &self));
                    }
                    dims.push(dim);
                }
                Ok(Shape(dims))
            }
        }
        deserializer.deserialize_seq(Dimensions)
    }
}

/// The header's entries in its order, repeated names and all; no more than [`TENSORS_MAX`].
struct Table(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Table;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == METADATA {
                        map.next_value::<IgnoredAny>()?;
                    } else if entries.len() == TENSORS_MAX {
                        return Err(A::Error::custom(format_args!("there are more than {TENSORS_MAX} tensors")));
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Table(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
