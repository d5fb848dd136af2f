//! A reading position that cannot leave the file.

use std::ops::Range;

use super::error::GgufError;

/// Reads little-endian values one after another. `what` in its methods names the thing being read, for the error.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Steps over `len` bytes and gives their range.
    pub fn skip(&mut self, len: u64, what: &dyn Fn() -> String) -> Result<Range<usize>, GgufError> {
        let left = self.bytes.len().saturating_sub(self.offset);
        match usize::try_from(len) {
            Ok(len) if len <= left => {
                let start = self.offset;
                self.offset += len;
                Ok(start..self.offset)
            }
            _ => Err(GgufError::Truncated { what: what(), offset: self.offset, needed: len, left }),
        }
    }

    pub fn u32(&mut self, what: &dyn Fn() -> String) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub fn u64(&mut self, what: &dyn Fn() -> String) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A length-prefixed string's range.
    pub fn string(&mut self, what: &dyn Fn() -> String) -> Result<Range<usize>, GgufError> {
        let len = self.u64(what)?;
        self.skip(len, what)
    }

    /// A length-prefixed string that must be UTF-8.
    pub fn name(&mut self, what: &dyn Fn() -> String) -> Result<&'a str, GgufError> {
        let offset = self.offset;
        let range = self.string(what)?;
        let bytes = self.bytes.get(range).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| GgufError::NameNotUtf8 { what: what(), offset })
    }

    pub fn array<const N: usize>(&mut self, what: &dyn Fn() -> String) -> Result<[u8; N], GgufError> {
        let range = self.skip(N as u64, what)?;
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[range]);
        Ok(out)
    }
}
