//! `realm_storage_v1`, the guest's side of the call's transaction, and `realm_lock_v1`, its turn.

use super::transaction::Scope;
use crate::{CallState, error::HostError, functions::HostFunction, host_call::HostCall};
use wasmtime::Linker;

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        StorageGet => storage_get[scope: u32, key_ptr: u32, key_len: u32];
        StorageSet => storage_set[scope: u32, key_ptr: u32, key_len: u32, value_ptr: u32, value_len: u32];
        StorageClear => storage_clear[scope: u32, key_ptr: u32, key_len: u32];
        StorageNextKey => storage_next_key[scope: u32, key_ptr: u32, key_len: u32];
    }
    crate::host_call::link_async_functions! { linker;
        StorageLock => storage_lock[scope: u32, key_ptr: u32, key_len: u32];
    }
    Ok(())
}

fn scope(number: u32) -> Result<Scope, HostError> {
    Scope::from_u32(number).ok_or_else(|| HostError::invalid(format!("{number} is not a scope of storage: 0 or 1")))
}

/// A key as iteration takes it: maybe empty.
fn bound(call: &HostCall<'_>, ptr: u32, len: u32) -> Result<Vec<u8>, HostError> {
    call.bytes_up_to(ptr, len, call.state().storage.limits().key_bytes_max, "bytes of a key")
}

/// A key of a value: never empty, so that iteration can begin before all of them.
fn key(call: &HostCall<'_>, ptr: u32, len: u32) -> Result<Vec<u8>, HostError> {
    if len == 0 {
        return Err(HostError::invalid("a key must have at least one byte"));
    }
    bound(call, ptr, len)
}

fn found(call: &mut HostCall<'_>, bytes: Option<Vec<u8>>, what: &str) -> Result<u32, HostError> {
    let bytes = bytes.ok_or_else(|| HostError::NotFound { what: what.into() })?;
    call.state_mut().usage.storage_read_bytes += bytes.len() as u64;
    call.state_mut().put_result(bytes)
}

fn storage_get(call: &mut HostCall<'_>, scope_number: u32, key_ptr: u32, key_len: u32) -> Result<u32, HostError> {
    let scope = scope(scope_number)?;
    let key = key(call, key_ptr, key_len)?;
    let value = call.state_mut().storage.get(scope, &key)?;
    found(call, value, "the key")
}

fn storage_set(
    call: &mut HostCall<'_>,
    scope_number: u32,
    key_ptr: u32,
    key_len: u32,
    value_ptr: u32,
    value_len: u32,
) -> Result<(), HostError> {
    let scope = scope(scope_number)?;
    let key = key(call, key_ptr, key_len)?;
    let value_bytes_max = call.state().storage.limits().value_bytes_max;
    let value = call.bytes_up_to(value_ptr, value_len, value_bytes_max, "bytes of a value")?;
    let state = call.state_mut();
    state.storage.write(scope, key, Some(value))?;
    state.usage.storage_written_bytes += u64::from(key_len) + u64::from(value_len);
    Ok(())
}

fn storage_clear(call: &mut HostCall<'_>, scope_number: u32, key_ptr: u32, key_len: u32) -> Result<bool, HostError> {
    let scope = scope(scope_number)?;
    let key = key(call, key_ptr, key_len)?;
    let state = call.state_mut();
    let there = state.storage.get(scope, &key)?.is_some();
    if there {
        state.storage.write(scope, key, None)?;
        state.usage.storage_written_bytes += u64::from(key_len);
    }
    Ok(there)
}

fn storage_next_key(call: &mut HostCall<'_>, scope_number: u32, key_ptr: u32, key_len: u32) -> Result<u32, HostError> {
    let scope = scope(scope_number)?;
    let after = bound(call, key_ptr, key_len)?;
    let next = call.state_mut().storage.next_key(scope, &after)?;
    found(call, next, "a further key")
}

async fn storage_lock(call: &mut HostCall<'_>, scope_number: u32, key_ptr: u32, key_len: u32) -> Result<(), HostError> {
    let scope = scope(scope_number)?;
    let key = key(call, key_ptr, key_len)?;
    call.state_mut().storage.lock(scope, key).await
}
