//! Compiles blobs for upgrades, last in line for a processor, so that the calls of a node that is being upgraded do not
//! notice.
//!
//! - `process`: a process of its own for each blob, which is how `realm serve` does it. Its memory is not the node's: what it
//!   allocates takes no lock that calls take, and a blob that makes the compiler grow or go on for ever ends the compiler.
//! - `worker`: what that process does.
//! - Threads of the node, where it is part of a program that cannot be started as a compiler.
//!
//! Both step back by [`realm_work::priority`].

mod process;
mod worker;

pub use worker::{WorkerError, compile_stdin};

use super::{compiled, config::ExecutorConfig, error::CodeError};
use process::CompileProcess;
use wasmtime::{Engine, Module};

/// Compiles in parallel. One per executor.
pub(super) struct Compiler {
    threads: rayon::ThreadPool,
    process: Option<CompileProcess>,
}

impl Compiler {
    /// Starts the threads; they also do what is left to do beside a process.
    ///
    /// # Errors
    /// The system gave no threads.
    pub(super) fn start(config: &ExecutorConfig) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = threads(config.compile_threads, config.compile_niceness)?;
        Ok(Self { threads, process: CompileProcess::of(config) })
    }

    /// Runs `work`, and whatever it does in parallel, on these threads. Blocks until it is done.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.install(work)
    }

    /// Compiles a blob that was found valid. To be called within [`Self::run`].
    ///
    /// # Errors
    /// [`CodeError::Compile`], [`CodeError::Compiler`]
    pub(super) fn module(&self, engine: &Engine, code: &[u8]) -> Result<Module, CodeError> {
        let module = match &self.process {
            Some(process) => compiled::of_compiler(engine, &process.machine_code(code)?),
            None => Module::new(engine, code),
        };
        module.map_err(|error| CodeError::Compile(format!("{error:#}")))
    }
}

/// Threads to compile on, which have stepped back; at least one.
fn threads(count: usize, niceness: u8) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new()
        // None would mean as many as there are processors.
        .num_threads(count.max(1))
        .thread_name(|index| format!("realm-compile-{index}"))
        .start_handler(move |_| realm_work::priority::lower(niceness))
        .build()
}
