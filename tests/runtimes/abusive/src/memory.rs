//! Memory on the host's side, and room in queues and in the database.

use alloc::{string::String, vec, vec::Vec};
use realm_primitives::{
    RuntimeError, SamplingParams, StorageScope,
    host::{
        inference::Sampler,
        storage::{storage_get, storage_set},
        stream,
        tensor::Tensor,
    },
};

/// Bytes of one hoarded tensor.
const TENSOR_BYTES: u32 = 1 << 20;
/// Tokens of one call of `sampler_accept`.
const TOKENS_AT_ONCE: u32 = 1 << 16;
/// Items that fill what lies between a call and a reader that does not read.
const ITEMS_UNREAD: u32 = 1 << 12;

pub(crate) fn hoard_tensors(megabytes: u32) -> Result<u32, RuntimeError> {
    let one = Tensor::new(&[1], &[1.0])?;
    let mut held = Vec::new();
    let mut refused = Ok(());
    while (held.len() as u32) < megabytes {
        match one.repeat(0, TENSOR_BYTES / 4) {
            Ok(tensor) => held.push(tensor),
            Err(error) => {
                refused = Err(error);
                break;
            }
        }
    }
    for item in 0..ITEMS_UNREAD {
        stream::emit(&item)?;
    }
    refused?;
    Ok(held.len() as u32)
}

pub(crate) fn accept_tokens(count: u32) -> Result<u32, RuntimeError> {
    let mut sampler = Sampler::open(&SamplingParams::greedy(1))?;
    let mut told = 0;
    while told < count {
        let tokens: Vec<u32> = (told..told + TOKENS_AT_ONCE).map(|token| 0x8000_0000 | token).collect();
        sampler.accept(&tokens)?;
        told += TOKENS_AT_ONCE;
    }
    Ok(told)
}

pub(crate) fn read_absent(count: u32) -> Result<u32, RuntimeError> {
    let mut key = vec![0u8; 1024];
    for number in 0..count {
        key[..4].copy_from_slice(&number.to_le_bytes());
        storage_get(StorageScope::Durable, &key)?;
    }
    Ok(count)
}

pub(crate) fn store_small(count: u32, first: u32) -> Result<u32, RuntimeError> {
    store(StorageScope::Durable, count, first)
}

pub(crate) fn remember_small(count: u32) -> Result<u32, RuntimeError> {
    store(StorageScope::Connection, count, 0)
}

fn store(scope: StorageScope, count: u32, first: u32) -> Result<u32, RuntimeError> {
    for number in first..first + count {
        storage_set(scope, &number.to_le_bytes(), &[])?;
    }
    Ok(count)
}

pub(crate) fn emit_fat(count: u32, bytes: u32) -> Result<u32, RuntimeError> {
    let item = vec![0u8; bytes as usize];
    for _ in 0..count {
        stream::emit(&item)?;
    }
    Ok(count)
}

pub(crate) fn fat_text(bytes: u32) -> String {
    "\0".repeat(bytes as usize)
}
