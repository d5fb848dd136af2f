//! Where a blob's bytes come from, and unpacking them.

use realm_chain_spec::CodeSource;
use std::{borrow::Cow, fs, io, path::PathBuf};

/// Why there are no bytes to compile.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The file cannot be read.
    #[error("cannot read the runtime {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The node was built without a runtime.
    #[error("this node was built without a runtime; give one in the chain specification's field `runtime`")]
    NotEmbedded,
    /// It is compressed and does not unpack, or grows past the limit.
    #[error("the runtime does not unpack within {bytes_max} bytes: {error}")]
    Packed {
        /// Most bytes of an unpacked blob.
        bytes_max: usize,
        /// Why.
        error: sp_maybe_compressed_blob::Error,
    },
}

/// The blob's bytes, unpacked if they were packed.
///
/// # Errors
/// [`BlobError`].
pub fn read_blob(source: &CodeSource, bytes_max: usize) -> Result<Vec<u8>, BlobError> {
    let packed: Cow<'_, [u8]> = match source {
        CodeSource::Embedded if realm_runtime::WASM_BINARY.is_empty() => return Err(BlobError::NotEmbedded),
        CodeSource::Embedded => realm_runtime::WASM_BINARY.into(),
        CodeSource::File(path) => {
            fs::read(path).map_err(|error| BlobError::Unreadable { path: path.clone(), error })?.into()
        }
        CodeSource::Code(code) => code.as_slice().into(),
    };
    sp_maybe_compressed_blob::decompress(&packed, bytes_max)
        .map(Cow::into_owned)
        .map_err(|error| BlobError::Packed { bytes_max, error })
}
