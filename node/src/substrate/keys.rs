//! The few keys of storage that clients look at: the code, and a System pallet with no events.

use super::view::{RuntimeAt, View, internal};
use crate::{
    chain::{Block, BlockNumber},
    tenants::Tenant,
};
use parity_scale_codec::Encode;
use realm_rpc::RpcError;
use sp_crypto_hashing::{twox_64, twox_128};
use std::collections::BTreeSet;

/// Key of the code.
const CODE: &[u8] = b":code";
/// Bytes of the hash before a key of a map hashed by twox-64-concat.
const TWOX_64_BYTES: usize = 8;

/// What stands under a key at a block.
pub(super) enum Stored {
    /// The code; its hash is known without reading it.
    Code,
    /// Something small.
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
fn lookup(view: &View, at: &Block, key: &[u8]) -> Option<Stored> {
    if key == CODE {
        return Some(Stored::Code);
    }
    let pallet = key.strip_prefix(&twox_128(b"System"))?;
    if pallet == twox_128(b"Events") {
        let none: Vec<u8> = Vec::new();
        return Some(Stored::Value(none.encode()));
    }
    let entry = pallet.strip_prefix(&twox_128(b"BlockHash"))?;
    let (hash, number) = entry.split_at_checked(TWOX_64_BYTES)?;
    let number: [u8; 4] = number.try_into().ok()?;
    let block = view.chain.at(BlockNumber(u32::from_le_bytes(number))).filter(|block| block.number() <= at.number())?;
    (hash == twox_64(&number)).then(|| Stored::Value(block.hash.encode()))
}

/// The value under a key at a block.
pub(super) fn value(view: &View, tenant: &Tenant, block: &Block, key: &[u8]) -> Result<Option<Vec<u8>>, RpcError> {
    match lookup(view, block, key) {
        None => Ok(None),
        Some(Stored::Value(value)) => Ok(Some(value)),
        Some(Stored::Code) => match view.runtime_at(tenant, block)? {
            RuntimeAt::InForce(runtime) => Ok(Some(runtime.code.code.to_vec())),
            RuntimeAt::Past(_) => {
                let hash = block.in_force.of_tenant(tenant.id.as_str()).hash;
                view.chain.storage().code(hash).map(Some).map_err(|error| internal(&error))
            }
        },
    }
}

/// blake2-256 of the value under a key at a block.
pub(super) fn hash(view: &View, tenant: &Tenant, block: &Block, key: &[u8]) -> Option<[u8; 32]> {
    match lookup(view, block, key)? {
        Stored::Value(value) => Some(sp_crypto_hashing::blake2_256(&value)),
        Stored::Code => Some(block.in_force.of_tenant(tenant.id.as_str()).hash.0.0),
    }
}
