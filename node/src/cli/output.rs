//! What commands print. A reader that has seen enough (`realm call .. | head`) ends the printing,
//! not in an error and not in a panic.

use super::Failure;
use std::{
    fmt::Display,
    io::{ErrorKind, Write},
    process,
};

/// For whom a command prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Lines and tables for people.
    Human,
    /// One JSON value per line.
    Json,
}

impl From<bool> for Form {
    /// From `--json`.
    fn from(json: bool) -> Self {
        if json { Form::Json } else { Form::Human }
    }
}

/// Prints a line on standard output and sends it off. Ends the program where nobody reads on.
///
/// # Errors
/// Standard output cannot be written, to a full disk for example.
pub fn line(text: impl Display) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// The same for what is no line, a script or a page.
///
/// # Errors
/// As [`line`].
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => Err(Failure::Usage(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
