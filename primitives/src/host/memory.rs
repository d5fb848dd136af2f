//! Guest memory at the wall: slices out, results in. The one place of this crate that calls the
//! imports' conventions by hand; the other files of `host` go through it.

use super::{error::HostError, raw};
use alloc::{vec, vec::Vec};
use parity_scale_codec::Decode;

/// A slice as the imports want it.
pub(super) fn parts<T>(slice: &[T]) -> (u32, u32) {
    (slice.as_ptr() as u32, slice.len() as u32)
}

/// The value of a host function's answer, or its error with the host's text.
pub(super) fn checked(answer: i64) -> Result<u32, HostError> {
    u32::try_from(answer).map_err(|_| HostError::from_answer(answer))
}

/// Fetches the result buffer whose length a host function answered.
pub(super) fn taken(answer: i64) -> Result<Vec<u8>, HostError> {
    let len = checked(answer)?;
    let mut bytes = vec![0u8; len as usize];
    // SAFETY: the pointer and length are those of a live, exclusively borrowed buffer.
    checked(unsafe { raw::take(bytes.as_mut_ptr() as u32, len) })?;
    Ok(bytes)
}

/// Fetches the result buffer and decodes it.
pub(super) fn decoded<T: Decode>(answer: i64) -> Result<T, HostError> {
    T::decode(&mut &taken(answer)?[..]).map_err(|_| HostError::garbled())
}

/// Fetches the result buffer as UTF-8.
pub(super) fn text(answer: i64) -> Result<alloc::string::String, HostError> {
    alloc::string::String::from_utf8(taken(answer)?).map_err(|_| HostError::garbled())
}

/// Fetches the result buffer as little-endian u32.
pub(super) fn words(answer: i64) -> Result<Vec<u32>, HostError> {
    let bytes = taken(answer)?;
    Ok(bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
}
