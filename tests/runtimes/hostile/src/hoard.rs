//! Takes as much of one kind of native memory as it is told, and holds it.

use alloc::{vec, vec::Vec};
use realm_primitives::{
    Milli, RuntimeError, SamplingParams, StorageScope,
    host::{
        inference,
        storage::{storage_get, storage_set},
        stream,
        tensor::Tensor,
    },
};

/// Values of a tensor: one mebibyte.
const TENSOR_VALUES: usize = 1 << 18;
/// Tokens that a sampler accepts at once.
const ACCEPTED_TOKENS: u32 = 1 << 16;
/// Bytes of a key that is read.
const READ_KEY_BYTES: usize = 1024;
/// Bytes of an item: little enough for one event, much in JSON.
const ITEM_BYTES: usize = 900_000;
/// Items that a call sends which holds what it took, and their bytes: more than lies between it and a client that does
/// not read.
const ITEMS: u32 = 96;
const PADDING_BYTES: usize = 64 << 10;

/// Takes `count` of a kind, and then sends items until they are read.
pub(crate) fn hoard(kind: u32, count: u32) -> Result<u32, RuntimeError> {
    match kind {
        0 => (0..count).try_for_each(|_| tensor())?,
        1 => (0..count).try_for_each(|number| read(number))?,
        2 => (0..count).try_for_each(|number| write(StorageScope::Durable, number))?,
        3 => (0..count).try_for_each(|number| write(StorageScope::Connection, number))?,
        4 => logits(count)?,
        5 => accept(count)?,
        _ => return Err(RuntimeError::InvalidParams { field: "kind".into(), message: "0 to 5".into() }),
    }
    for _ in 0..ITEMS {
        stream::emit(&vec![0u8; PADDING_BYTES])?;
    }
    Ok(count)
}

/// Sends fat items.
pub(crate) fn flood(items: u32) -> Result<u32, RuntimeError> {
    for _ in 0..items {
        stream::emit(&vec![0u8; ITEM_BYTES])?;
    }
    Ok(items)
}

/// Answers this many bytes.
pub(crate) fn answer(bytes: u32) -> Vec<u8> {
    vec![0; bytes as usize]
}

fn tensor() -> Result<(), RuntimeError> {
    // Held by the call, because nothing drops it.
    core::mem::forget(Tensor::new(&[TENSOR_VALUES as u32], &vec![1f32; TENSOR_VALUES])?);
    Ok(())
}

fn read(number: u32) -> Result<(), RuntimeError> {
    let mut key = vec![0; READ_KEY_BYTES];
    key[..4].copy_from_slice(&number.to_le_bytes());
    Ok(storage_get(StorageScope::Durable, &key).map(drop)?)
}

fn write(scope: StorageScope, number: u32) -> Result<(), RuntimeError> {
    Ok(storage_set(scope, &number.to_le_bytes(), &[])?)
}

/// Logits of so many rows.
fn logits(rows: u32) -> Result<(), RuntimeError> {
    let mut session = inference::Session::open(&[])?;
    for _ in 0..rows {
        // Held by the call, because nothing drops them.
        core::mem::forget(session.forward(&[1])?);
    }
    core::mem::forget(session);
    Ok(())
}

/// A sampler that accepts `count` times 65536 tokens, of which the vocabulary has none.
fn accept(count: u32) -> Result<(), RuntimeError> {
    let params = SamplingParams { repetition_penalty: Milli(1_100), ..SamplingParams::greedy(1) };
    let mut sampler = inference::Sampler::open(&params)?;
    for block in 1..=count {
        let tokens: Vec<u32> = (0..ACCEPTED_TOKENS).map(|token| block * ACCEPTED_TOKENS + token).collect();
        sampler.accept(&tokens)?;
    }
    core::mem::forget(sampler);
    Ok(())
}
