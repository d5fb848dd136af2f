//! The tenant's key-value storage. Writes become durable together when the call ends well.

use super::{HostError, memory, raw};
use crate::{StorageScope, abi::HostErrorCode};
use alloc::vec::Vec;

fn found(result: Result<Vec<u8>, HostError>) -> Result<Option<Vec<u8>>, HostError> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.code == HostErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The value of a key, if there is one.
pub fn storage_get(scope: StorageScope, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    let (ptr, len) = memory::parts(key);
    // SAFETY: pointer and length of a live slice.
    found(memory::taken(unsafe { raw::storage_get(scope as u32, ptr, len) }))
}

/// Sets a value.
///
/// # Errors
/// `LimitExceeded` if the tenant's storage would grow past its quota.
pub fn storage_set(scope: StorageScope, key: &[u8], value: &[u8]) -> Result<(), HostError> {
    let (key_ptr, key_len) = memory::parts(key);
    let (value_ptr, value_len) = memory::parts(value);
    // SAFETY: pointers and lengths of live slices.
    memory::checked(unsafe { raw::storage_set(scope as u32, key_ptr, key_len, value_ptr, value_len) }).map(drop)
}

/// Removes a value; whether there was one.
pub fn storage_clear(scope: StorageScope, key: &[u8]) -> Result<bool, HostError> {
    let (ptr, len) = memory::parts(key);
    // SAFETY: pointer and length of a live slice.
    memory::checked(unsafe { raw::storage_clear(scope as u32, ptr, len) }).map(|removed| removed == 1)
}

/// The first key after `key` in byte order. Begin with an empty key.
pub fn storage_next_key(scope: StorageScope, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    let (ptr, len) = memory::parts(key);
    // SAFETY: pointer and length of a live slice.
    found(memory::taken(unsafe { raw::storage_next_key(scope as u32, ptr, len) }))
}

/// Waits until no other call of the tenant (or of the connection) holds the lock of `key`, and holds
/// it until this call has ended and its writes are safe. What is read afterwards holds all that the
/// calls before have written. The key need not have a value.
///
/// # Errors
/// `InvalidArgument` if the call holds another lock or has looked at durable storage already;
/// `Overloaded` if too many calls wait.
pub fn storage_lock(scope: StorageScope, key: &[u8]) -> Result<(), HostError> {
    let (ptr, len) = memory::parts(key);
    // SAFETY: pointer and length of a live slice.
    memory::checked(unsafe { raw::storage_lock(scope as u32, ptr, len) }).map(drop)
}
