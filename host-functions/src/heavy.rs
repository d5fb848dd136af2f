//! Long native work of host functions: on the threads for heavy work, in the tenant's share of them, and counted as the
//! call's processor time. The guest's fiber is suspended meanwhile and holds no thread.
//!
//! Nothing is given to a call that used up its time: the guest meets its next epoch check before its next host function.

use crate::{error::HostError, host_call::HostCall};
use realm_work::heavy::{self, HeavyError};

/// Runs `work` for a call: on the threads for heavy work if it is `heavy`, else at once. What the host function has counted
/// as held counts until the work is done, also where its call ends before.
pub(crate) fn run<T, W>(
    call: &HostCall<'_>,
    heavy: bool,
    work: W,
) -> impl Future<Output = Result<T, HostError>> + Send + use<T, W>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let (scope, tally) = (call.state().tenant().scope(), call.state().tally().working());
    let held = call.state().scratch.clone();
    let work = move || {
        let _held = held;
        work()
    };
    async move { heavy::run_if(heavy, scope, Some(tally), work).await.map_err(heavy_error) }
}

fn heavy_error(error: HeavyError) -> HostError {
    match error {
        HeavyError::Overloaded { waiting, waiting_max } => {
            HostError::HeavyQueue { waiting: waiting as u64, waiting_max: waiting_max as u64 }
        }
        _ => HostError::Internal(error.to_string()),
    }
}
