//! `realm compile-blob`: the compiler that `realm serve` starts for itself.

use super::Failure;
use crate::executor::{WorkerError, compile_stdin};

/// Compiles what comes on the standard input.
///
/// # Errors
/// Why there is no machine code.
pub fn run() -> Result<(), Failure> {
    compile_stdin().map_err(|error| match error {
        WorkerError::Refused(_) => Failure::Usage(error.to_string()),
        _ => Failure::Start(error.to_string()),
    })
}
