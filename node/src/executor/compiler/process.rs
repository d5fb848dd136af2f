//! The node's side of a compiler that is a process of its own.
//!
//! ```text
//!  node ── stdin: Order, blob ──► realm compile-blob ── stdout: machine code, or stderr: why not ──► node
//! ```
//!
//! The process bounds resources: memory, processor time, core files. It is not a security boundary: it runs as the
//! node's user, and the node loads the machine code that it returns. It gets no descriptors but its three streams, and
//! of the node's environment, where keys and tokens can be, only where the system's loader finds libraries.

use super::worker::{COMMAND, Order, REFUSED};
use crate::executor::{config::ExecutorConfig, error::CodeError};
use parity_scale_codec::Encode;
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// What the program puts before what it says.
const SPEAKER: &str = "realm: ";
/// The one variable of the node's environment that a compiler gets: without it the program may not start at all.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";
/// Bytes of a reason that are told.
const REASON_BYTES_MAX: u64 = 4 << 10;

/// Starts compilers.
pub(super) struct CompileProcess {
    program: PathBuf,
}

impl CompileProcess {
    /// If the configuration names a program.
    pub(super) fn of(config: &ExecutorConfig) -> Option<Self> {
        Some(Self { program: config.compile_program.clone()? })
    }

    /// Has a blob compiled, at the priority and with the threads of `order`. Blocks until that is done, for as long as
    /// the compiler may take.
    ///
    /// # Errors
    /// [`CodeError::Compile`]: the blob is refused. [`CodeError::Compiler`]: the compiler did not start or did not end well.
    pub(super) fn machine_code(&self, order: &Order, code: &[u8]) -> Result<Vec<u8>, CodeError> {
        let failed = |why: String| CodeError::Compiler { why };
        let mut running = Running::start(&self.program).map_err(|error| failed(format!("does not start: {error}")))?;
        // It reads all of this before it writes anything, so neither waits for the other. If it ended early, how it ended
        // says more than that it did not read on.
        let sent = running.send(&(order, code).encode());
        let (machine_code, reason) = running.answer().map_err(|error| failed(format!("does not answer: {error}")))?;
        let status = running.wait().map_err(|error| failed(format!("cannot be waited for: {error}")))?;
        match status.code() {
            Some(0) => sent.map(|()| machine_code).map_err(|error| failed(format!("does not listen: {error}"))),
            Some(REFUSED) => Err(CodeError::Compile(reason)),
            _ => Err(failed(ended(order, status, &reason))),
        }
    }
}

fn ended(order: &Order, status: ExitStatus, reason: &str) -> String {
    let Order { memory_bytes_max, cpu_seconds_max, .. } = order;
    let bounds = format!("it may have {memory_bytes_max} bytes of memory and {cpu_seconds_max} s of processor time");
    let reason = reason.lines().next().unwrap_or_default();
    format!("ended by {status}; {bounds}; it said: {reason:?}")
}

/// A compiler that runs; one that nobody waits for any more is ended.
struct Running(Child);

impl Running {
    fn start(program: &Path) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(COMMAND).env_clear();
        if let Some(libraries) = std::env::var_os(LIBRARY_PATH) {
            command.env(LIBRARY_PATH, libraries);
        }
        let piped = Stdio::piped;
        command.stdin(piped()).stdout(piped()).stderr(piped()).spawn().map(Self)
    }

    fn send(&mut self, order: &[u8]) -> std::io::Result<()> {
        // Dropped after this, which tells the compiler that this was all.
        self.0.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(order))
    }

    /// What it wrote to its output, and the beginning of what it wrote to its errors.
    fn answer(&mut self) -> std::io::Result<(Vec<u8>, String)> {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        self.0.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output))?;
        self.0.stderr.take().map_or(Ok(0), |stderr| stderr.take(REASON_BYTES_MAX).read_to_end(&mut errors))?;
        let errors = String::from_utf8_lossy(&errors);
        Ok((output, errors.trim().trim_start_matches(SPEAKER).to_owned()))
    }

    fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended, which is what they are for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
