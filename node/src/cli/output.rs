//! What commands print. A reader that has seen enough (`realm call .. | head`) ends the printing,
//! not in an error and not in a panic.

use super::Failure;
use std::{
    fmt::Display,
    io::{ErrorKind, Write},
    process,
};

/// Prints a line on standard output and sends it off. Ends the program where nobody reads on.
///
/// # Errors
/// Standard output cannot be written, to a full disk for example.
pub fn line(text: impl Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => Err(Failure::Usage(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
