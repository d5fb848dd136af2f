//! The few storage keys that clients read: the code, and a System pallet without events.

use super::view::View;
use crate::chain::BlockNumber;
use parity_scale_codec::Encode;
use sp_crypto_hashing::{twox_64, twox_128};

/// Key of the code.
pub(super) const CODE: &[u8] = b":code";
/// Bytes of the hash before a key of a map hashed by twox-64-concat.
const TWOX_64_BYTES: usize = 8;

/// What stands under a key at a block.
pub(super) enum Found {
    /// The code; its hash is known without reading it.
    Code,
    /// A value of at most 32 bytes.
    Value(Vec<u8>),
}

/// What stands under `key`, if anything.
pub(super) fn lookup(view: &View, key: &[u8]) -> Option<Found> {
    if key == CODE {
        return Some(Found::Code);
    }
    let pallet = key.strip_prefix(&twox_128(b"System"))?;
    if pallet == twox_128(b"Events") {
        let none: Vec<u8> = Vec::new();
        return Some(Found::Value(none.encode()));
    }
    let entry = pallet.strip_prefix(&twox_128(b"BlockHash"))?;
    let (hash, number) = entry.split_at_checked(TWOX_64_BYTES)?;
    let number: [u8; 4] = number.try_into().ok()?;
    let block = view.chain.at(BlockNumber(u32::from_le_bytes(number)))?;
    (hash == twox_64(&number)).then(|| Found::Value(block.hash.encode()))
}
