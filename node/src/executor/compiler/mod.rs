//! Compiles blobs: for upgrades last in line for a processor, so that the calls of a node that is being upgraded do not
//! notice; at a start at full speed.
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
use worker::Order;

/// Compiles in parallel. One per executor.
pub(super) struct Compiler {
    threads: rayon::ThreadPool,
    process: Option<CompileProcess>,
    niceness: u8,
    order: Order,
}

impl Compiler {
    /// Starts the threads; they also do what is left to do beside a process.
    ///
    /// # Errors
    /// The system gave no threads.
    pub(super) fn start(config: &ExecutorConfig) -> Result<Self, rayon::ThreadPoolBuildError> {
        let threads = threads(config.compile_threads, config.compile_niceness)?;
        let (process, order) = (CompileProcess::of(config), Order::of(config));
        Ok(Self { threads, process, niceness: config.compile_niceness, order })
    }

    /// Runs `work` at the compiler's priority: beside a process on a thread of its own, so that nobody waits for the
    /// process of another blob; else, with whatever it does in parallel, on the compiler's threads. Blocks until it is done.
    ///
    /// # Errors
    /// Those of `work`. [`CodeError::Compiler`]: the system gave no thread.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> Result<T, CodeError> + Send) -> Result<T, CodeError> {
        if self.process.is_none() {
            return self.threads.install(work);
        }
        let niceness = self.niceness;
        let stepped_back = move || {
            realm_work::priority::lower(niceness);
            work()
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("realm-compile".into()).spawn_scoped(scope, stepped_back);
            let thread = thread.map_err(|error| CodeError::Compiler { why: format!("gets no thread: {error}") })?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Compiles a blob that was found valid; `at_once` where nobody is served yet, else to be called within [`Self::run`].
    ///
    /// # Errors
    /// [`CodeError::Compile`], [`CodeError::Compiler`]
    pub(super) fn module(&self, engine: &Engine, code: &[u8], at_once: bool) -> Result<Module, CodeError> {
        let module = match &self.process {
            Some(process) => {
                let order = if at_once { self.order.clone().at_once() } else { self.order.clone() };
                compiled::of_compiler(engine, &process.machine_code(&order, code)?)
            }
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
