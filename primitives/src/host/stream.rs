//! Items of the call's stream.

use super::{HostError, memory, raw};
use parity_scale_codec::Encode;

/// Sends one item to the subscriber. Waits while the subscriber is slow; does nothing without one.
/// The item's type must be the one declared with `#[stream(..)]`.
pub fn emit(item: &impl Encode) -> Result<(), HostError> {
    let bytes = item.encode();
    let (ptr, len) = memory::parts(&bytes);
    // SAFETY: pointer and length of a live slice.
    memory::checked(unsafe { raw::emit(ptr, len) }).map(drop)
}
