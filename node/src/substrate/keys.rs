//! The few keys of storage that clients look at: the code, and a System pallet with no events.

use super::view::{RuntimeAt, View, internal};
use crate::{
    chain::{Block, BlockNumber},
    tenants::Tenant,
};
use parity_scale_codec::Encode;
use realm_rpc::RpcError;
use sp_crypto_hashing::{twox_64, twox_128};

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

/// What stands under `key`, if anything.
pub(super) fn lookup(view: &View, key: &[u8]) -> Option<Stored> {
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
    let block = view.chain.at(BlockNumber(u32::from_le_bytes(number)))?;
    (hash == twox_64(&number)).then(|| Stored::Value(block.hash.encode()))
}

/// The value under a key at a block.
pub(super) fn value(view: &View, tenant: &Tenant, block: &Block, key: &[u8]) -> Result<Option<Vec<u8>>, RpcError> {
    match lookup(view, key) {
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
    match lookup(view, key)? {
        Stored::Value(value) => Some(sp_crypto_hashing::blake2_256(&value)),
        Stored::Code => Some(block.in_force.of_tenant(tenant.id.as_str()).hash.0.0),
    }
}
