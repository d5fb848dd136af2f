//! The few storage keys that clients read: the code, and a System pallet without events.

use super::view::View;
use crate::chain::{Block, BlockNumber};
use parity_scale_codec::Encode;
use sp_crypto_hashing::{twox_64, twox_128};
use std::collections::BTreeSet;

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

/// All keys at a block, in ascending order: the code, `System.Events`, and `System.BlockHash` of every block up to that one
/// that the node keeps.
pub(super) fn all(view: &View, at: &Block) -> BTreeSet<Vec<u8>> {
    let system = twox_128(b"System");
    let hashes = view.chain.newest(usize::MAX, false).into_iter().map(|block| block.number());
    let hashes = hashes.filter(|number| *number <= at.number()).map(|number| {
        let number = number.0.to_le_bytes();
        [&system[..], &twox_128(b"BlockHash"), &twox_64(&number), &number].concat()
    });
    let events = [system, twox_128(b"Events")].concat();
    hashes.chain([CODE.to_vec(), events]).collect()
}

/// What stands under `key` at a block, if anything.
pub(super) fn lookup(view: &View, at: &Block, key: &[u8]) -> Option<Found> {
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
    let block = view.chain.at(BlockNumber(u32::from_le_bytes(number))).filter(|block| block.number() <= at.number())?;
    (hash == twox_64(&number)).then(|| Found::Value(block.hash.encode()))
}
