//! Runs tensor operations: long ones where blocking is allowed, and all of them so that an error or
//! a panic below becomes a host error that names the shapes.

use crate::{blocking, error::HostError};
use candle_core::Tensor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Multiplications from which on an operation leaves the async executor's thread to others: about a
/// tenth of a millisecond.
const BLOCKING_WORK_MIN: u64 = 1 << 20;

/// Runs `operation`, which does about `work` multiplications or copies of a value.
pub(super) fn run<T>(
    name: &'static str,
    shapes: &[&[usize]],
    work: u64,
    operation: impl FnOnce() -> candle_core::Result<T>,
) -> Result<T, HostError> {
    // The operation only reads shared tensors and makes new ones, so nothing is left half-changed.
    let guarded = || catch_unwind(AssertUnwindSafe(operation));
    let outcome = blocking::run(work >= BLOCKING_WORK_MIN, guarded);
    let failed = |why: String| HostError::invalid(format!("{name} of {shapes:?} failed: {why}"));
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("the operation panicked".into())),
    }
}

/// The values of a contiguous tensor.
pub(super) fn values(tensor: &Tensor) -> candle_core::Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}
