//! Hashes, computed natively.

use super::{HostError, memory, raw};
use crate::H256;

/// The 32-byte hash of `input` by one of [`crate::abi::hash`]'s algorithms.
pub fn crypto_hash(algorithm: u32, input: &[u8]) -> Result<H256, HostError> {
    let (ptr, len) = memory::parts(input);
    let mut out = [0u8; 32];
    // SAFETY: pointers and lengths of live slices; the host writes exactly 32 bytes.
    memory::checked(unsafe { raw::crypto_hash(algorithm, ptr, len, out.as_mut_ptr() as u32) })?;
    Ok(H256(out))
}
