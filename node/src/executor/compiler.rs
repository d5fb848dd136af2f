//! The threads on which blobs are compiled for upgrades: of their own and last in line for a processor, so that the calls of a
//! node that is being upgraded hardly notice.

use std::num::NonZeroUsize;

/// Compiles in parallel. One per executor.
pub(super) struct Compiler(rayon::ThreadPool);

impl Compiler {
    /// As many threads as the machine has processors, of this niceness.
    ///
    /// # Errors
    /// The system gave no threads.
    pub(super) fn start(niceness: u8) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("realm-compile-{index}"))
            .start_handler(move |_| step_back(niceness))
            .build()?;
        Ok(Self(pool))
    }

    /// Runs `compile`, and whatever it does in parallel, on these threads. Blocks until it is done.
    pub(super) fn run<T: Send>(&self, compile: impl FnOnce() -> T + Send) -> T {
        self.0.install(compile)
    }
}

/// Lowers the priority of the calling thread. Where that is not possible it stays as it is.
#[cfg(target_os = "linux")]
fn step_back(niceness: u8) {
    // SAFETY: the call takes numbers only. On Linux a process id of 0 means the calling thread alone.
    let refused = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, libc::c_int::from(niceness)) } != 0;
    if refused {
        tracing::debug!("the compiler's threads keep their priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back(_niceness: u8) {}
