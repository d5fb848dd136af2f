//! Processor time, inside the sandbox and in host functions.

use alloc::{string::String, vec, vec::Vec};
use core::hint::black_box;
use realm_primitives::{
    RuntimeError,
    abi::hash::BLAKE2_256,
    host::{
        crypto::crypto_hash,
        inference,
        tensor::{Tensor, candle_matmul, memory64_load_layer},
    },
};

pub(crate) fn spin(rounds: u64) -> u64 {
    (0..rounds).fold(0, |sum, round| black_box(sum ^ round))
}

pub(crate) fn hash(bytes: u32, rounds: u32) -> Result<u32, RuntimeError> {
    let input = vec![0u8; bytes as usize];
    for _ in 0..rounds {
        crypto_hash(BLAKE2_256, &input)?;
    }
    Ok(rounds)
}

pub(crate) fn multiply(size: u32, rounds: u32) -> Result<u32, RuntimeError> {
    let one = Tensor::new(&[1, 1], &[1.0])?;
    let square = one.repeat(0, size)?.repeat(1, size)?;
    for _ in 0..rounds {
        candle_matmul(&square, &square)?;
    }
    Ok(rounds)
}

pub(crate) fn load_layers(rounds: u32) -> Result<u32, RuntimeError> {
    let layers = inference::model_info()?.layer_count;
    for round in 0..rounds {
        let held: Vec<_> = memory64_load_layer(round % layers.max(1))?;
        drop(held);
    }
    Ok(rounds)
}

pub(crate) fn tokenize(bytes: u32, rounds: u32) -> Result<u32, RuntimeError> {
    let text: String = "a ".repeat(bytes as usize / 2);
    for _ in 0..rounds {
        inference::tokenize(&text)?;
    }
    Ok(rounds)
}
