//! What guest threads and heavy threads have in common.

use crate::priority;
use rustix::time::{ClockId, clock_gettime};
use std::{
    thread::{Builder, JoinHandle},
    time::Duration,
};

/// Starts a thread of lower priority on which libraries that compute in parallel (candle, tokenizers: rayon) compute
/// alone. Otherwise a matrix product would run on rayon's global threads, where its processor time is nobody's.
///
/// # Errors
/// The system gave no thread.
pub(crate) fn start(
    name: String,
    niceness: u8,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name).spawn(move || {
        priority::lower(niceness);
        if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
            tracing::warn!(%error, "processor time of parallel operations on this thread is not counted");
        }
        work();
    })
}

/// Whether what the calling thread computes with rayon stays on the calling thread.
pub fn computes_alone() -> bool {
    rayon::current_thread_index().is_some() && rayon::current_num_threads() == 1
}

/// Processor time that the calling thread has used.
pub fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
}

/// One thread more than there are processors, so that a tenant which may have all but one can still use all of them.
pub(crate) fn default_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) + 1
}
