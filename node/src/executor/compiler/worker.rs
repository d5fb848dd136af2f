//! What the process does that compiles one blob: it bounds itself, compiles, and ends.

use super::threads;
use crate::executor::{config::ExecutorConfig, sandbox::engine_config};
use parity_scale_codec::{Decode, DecodeAll, Encode};
use std::io::{Read, Write};
use wasmtime::Engine;

/// The command of the `realm` program that does this.
pub(super) const COMMAND: &str = "compile-blob";
/// How it exits if it refuses the blob: as any command does whose input is wrong.
pub(super) const REFUSED: i32 = 2;

/// How to compile: what of [`ExecutorConfig`] machine code depends on, and the compiler's own bounds.
#[derive(Clone, Encode, Decode, Debug)]
pub(super) struct Order {
    pub memory_bytes_max: u64,
    pub cpu_seconds_max: u64,
    threads: u32,
    niceness: u8,
    guest_memory_bytes_max: u64,
    guest_stack_bytes_max: u64,
    host_stack_bytes: u64,
    tables_max: u32,
    table_elements_max: u64,
}

impl Order {
    pub(super) fn of(config: &ExecutorConfig) -> Self {
        Self {
            memory_bytes_max: config.compile_memory_bytes_max as u64,
            cpu_seconds_max: config.compile_cpu_time_max.as_secs().max(1),
            threads: u32::try_from(config.compile_threads).unwrap_or(u32::MAX),
            niceness: config.compile_niceness,
            guest_memory_bytes_max: config.memory_bytes_max as u64,
            guest_stack_bytes_max: config.guest_stack_bytes_max as u64,
            host_stack_bytes: config.host_stack_bytes as u64,
            tables_max: config.tables_max,
            table_elements_max: config.table_elements_max as u64,
        }
    }

    /// The same order for a node that serves nobody yet: all processors, and no stepping back.
    pub(super) fn at_once(mut self) -> Self {
        self.threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
        self.niceness = 0;
        self
    }

    /// An executor's configuration whose machine code the node's takes. Nothing is run here, so one instance does.
    fn config(&self) -> ExecutorConfig {
        ExecutorConfig {
            instances_max: 1,
            memory_bytes_max: self.guest_memory_bytes_max as usize,
            guest_stack_bytes_max: self.guest_stack_bytes_max as usize,
            host_stack_bytes: self.host_stack_bytes as usize,
            tables_max: self.tables_max,
            table_elements_max: self.table_elements_max as usize,
            ..ExecutorConfig::default()
        }
    }
}

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// What came is no order.
    #[error("this command is for the node, which gives it an order and a blob: {0}")]
    Order(String),
    /// The system does not bound this process.
    #[error("the compiler cannot be bounded: {0}")]
    Bounds(std::io::Error),
    /// The system gives no threads.
    #[error("the compiler cannot start: {0}")]
    Threads(rayon::ThreadPoolBuildError),
    /// The blob does not compile.
    #[error("{0:#}")]
    Refused(wasmtime::Error),
    /// Nobody reads the machine code.
    #[error("the machine code cannot be written: {0}")]
    Write(std::io::Error),
}

/// Reads an order and a blob from the standard input, and writes machine code to the standard output.
///
/// # Errors
/// [`WorkerError`]
pub fn compile_stdin() -> Result<(), WorkerError> {
    seclude();
    let mut input = Vec::new();
    std::io::stdin().lock().read_to_end(&mut input).map_err(|error| WorkerError::Order(error.to_string()))?;
    let (order, code) =
        <(Order, Vec<u8>)>::decode_all(&mut &input[..]).map_err(|error| WorkerError::Order(error.to_string()))?;
    drop(input);
    bound(&order).map_err(WorkerError::Bounds)?;
    let threads = threads(order.threads as usize, order.niceness).map_err(WorkerError::Threads)?;
    let compile = || Engine::new(&engine_config(&order.config()))?.precompile_module(&code);
    let machine_code = threads.install(compile).map_err(WorkerError::Refused)?;
    let mut output = std::io::stdout().lock();
    output.write_all(&machine_code).and_then(|()| output.flush()).map_err(WorkerError::Write)
}

/// Closes every descriptor but the three streams, and gives up for good to gain rights by starting other programs. Neither
/// matters for compiling, so a system that lacks one of them is no obstacle.
#[cfg(target_os = "linux")]
fn seclude() {
    // SAFETY: this process has opened nothing yet, so whatever is closed here is inherited and used by nobody.
    let closed = unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    // SAFETY: the option takes numbers only, and changes this process alone.
    let bound = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if closed != 0 || bound != 0 {
        tracing::debug!("the compiler keeps inherited descriptors or rights");
    }
}

#[cfg(not(target_os = "linux"))]
fn seclude() {}

/// Bounds this process for good. Memory that is only reserved does not count.
fn bound(order: &Order) -> std::io::Result<()> {
    let bounds = [
        (libc::RLIMIT_DATA, order.memory_bytes_max),
        (libc::RLIMIT_CPU, order.cpu_seconds_max),
        (libc::RLIMIT_CORE, 0),
    ];
    for (resource, limit) in bounds {
        let limit = libc::rlimit { rlim_cur: limit as libc::rlim_t, rlim_max: limit as libc::rlim_t };
        // SAFETY: the system reads a structure that outlives the call.
        if unsafe { libc::setrlimit(resource, &raw const limit) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}
