//! The call a runtime is in, and the node's log.

use super::{HostError, memory, raw};
use crate::CallContext;

/// How important a line of the log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum LogLevel {
    /// Something failed.
    Error = 0,
    /// Something is wrong and went on.
    Warn = 1,
    /// Worth knowing.
    Info = 2,
    /// For developers.
    Debug = 3,
}

/// What the host says about this call.
pub fn call_context() -> Result<CallContext, HostError> {
    // SAFETY: takes no pointers.
    memory::decoded(unsafe { raw::call_context() })
}

/// Writes a line to the node's log, which names the tenant and the call beside it.
pub fn log(level: LogLevel, text: &str) {
    let (ptr, len) = memory::parts(text.as_bytes());
    // SAFETY: pointer and length of a live slice. A log line that the host refuses is dropped.
    let _ = unsafe { raw::log(level as u32, ptr, len) };
}
