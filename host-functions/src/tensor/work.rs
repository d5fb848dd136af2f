//! Runs tensor operations: long ones on the threads for heavy work, and all of them so that an error or a panic below
//! becomes a host error that names the shapes.

use crate::{error::HostError, heavy, host_call::HostCall};
use candle_core::Tensor;
use realm_work::computes_alone;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Multiplications or copies of a value from which on an operation is heavy: at most about a tenth of a millisecond.
const HEAVY_WORK_MIN: u64 = 1 << 18;

/// Runs `operation`, which does about `work` multiplications or copies of a value and nothing that candle would do on
/// several threads.
pub(super) fn shared<T, F>(
    call: &HostCall<'_>,
    work: u64,
    operation: F,
) -> impl Future<Output = Result<T, HostError>> + Send + use<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, HostError> + Send + 'static,
{
    let done = heavy::run(call, work >= HEAVY_WORK_MIN, operation);
    async move { done.await? }
}

/// Runs `operation`, which does about `work` multiplications that candle would do on several threads: always on a thread
/// where it computes alone, so that its processor time is counted as the call's.
pub(super) fn alone<T, F>(
    call: &HostCall<'_>,
    work: u64,
    operation: F,
) -> impl Future<Output = Result<T, HostError>> + Send + use<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, HostError> + Send + 'static,
{
    let done = heavy::run(call, work >= HEAVY_WORK_MIN || !computes_alone(), operation);
    async move { done.await? }
}

/// Runs `operation` at once. Its error or panic names the operation and the shapes.
pub(super) fn run<T>(
    name: &'static str,
    shapes: &[&[usize]],
    operation: impl FnOnce() -> candle_core::Result<T>,
) -> Result<T, HostError> {
    // The operation only reads shared tensors and makes new ones, so nothing is left half-changed.
    let outcome = catch_unwind(AssertUnwindSafe(operation));
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
