//! Forward passes.

use alloc::vec::Vec;
use realm_primitives::{
    RuntimeError,
    host::inference::{Session, model_info},
};

/// The first token of a prompt.
const FIRST: u32 = 20;

pub(crate) fn compute(count: u32, salt: u32) -> Result<u32, RuntimeError> {
    let vocabulary = model_info()?.vocabulary_length;
    let tokens: Vec<u32> = (0..count).map(|index| (FIRST + index * 7 + salt * 13) % vocabulary).collect();
    Session::open(&[])?.forward(&tokens)?;
    Ok(count)
}

pub(crate) fn sample_itself(count: u32) -> Result<u32, RuntimeError> {
    let vocabulary = model_info()?.vocabulary_length;
    let mut session = Session::open(&[])?;
    let mut token = FIRST;
    for _ in 0..count {
        let row = session.forward(&[token])?.read(0, vocabulary)?;
        let largest = row.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        token = largest.map_or(FIRST, |(index, _)| index as u32);
    }
    Ok(count)
}
