//! Why a blob is refused, and why a call of an accepted one does not answer.

use realm_host_functions::{QuotaExceeded, storage::CommitError};
use std::time::Duration;

/// Why a blob is not a runtime this node can run. One variant per step, in the order of the steps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The blob is bigger than the executor takes.
    #[error("the blob has {len} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Bytes of the blob.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The blob is not a valid wasm module.
    #[error("the blob is not a valid wasm module: {0}")]
    NotWasm(String),
    /// The blob imports what this node does not offer.
    #[error("the blob imports what this node does not have: {}", names.join(", "))]
    UnknownImports {
        /// Each as `module.name`.
        names: Vec<String>,
    },
    /// The blob imports a host function under another type than it has.
    #[error("the blob's import does not fit the node: {0}")]
    ImportType(String),
    /// The blob has a start function, which would run before the node can bound it to a call.
    #[error("the blob has a start function; a runtime must have none")]
    StartFunction,
    /// The blob does not export what every runtime must.
    #[error("the blob has no export {name} of type {expected}")]
    MissingExport {
        /// Name of the export.
        name: &'static str,
        /// The type it must have.
        expected: &'static str,
    },
    /// The blob's memory begins bigger than a guest may get.
    #[error("the blob's memory begins with {bytes} bytes, more than the limit of {limit}")]
    MemoryTooLarge {
        /// Bytes the memory begins with.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A custom section is missing.
    #[error("the blob has no section {name}")]
    MissingSection {
        /// Name of the section.
        name: &'static str,
    },
    /// A custom section does not decode.
    #[error("the blob's section {name} does not decode: {why}")]
    BadSection {
        /// Name of the section.
        name: &'static str,
        /// Where decoding stopped.
        why: String,
    },
    /// The module is valid and does not fit the pool: too many tables, functions or globals.
    #[error("the blob does not compile for this node: {0}")]
    Compile(String),
    /// The process that compiles did not start, or was ended, mostly because the blob takes more to compile than it may.
    #[error("the compiler {why}")]
    Compiler {
        /// How it ended.
        why: String,
    },
}

/// Why a call did not answer. What the call had written is dropped in every case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The blob has no such function.
    #[error("the runtime has no function {name}")]
    NoSuchFunction {
        /// Name that was asked for.
        name: String,
    },
    /// All instances are in use and the queue for them is full, or none came free in time.
    #[error("place {position} in the queue for one of {instances_max} instances was refused")]
    Overloaded {
        /// Calls that waited, this one included.
        position: usize,
        /// Instances there are.
        instances_max: usize,
    },
    /// The guest trapped.
    #[error("the runtime trapped: {message}")]
    Trap {
        /// The guest's last words if it logged some, the trap, and where it was.
        message: String,
    },
    /// The caller's deadline passed.
    #[error("the call did not end within {0:?}")]
    DeadlineExceeded(Duration),
    /// The call used up its time on a processor.
    #[error("the call used more than {0:?} of processor time")]
    GuestCpuExceeded(Duration),
    /// The guest asked for more memory than it may have, and then trapped.
    #[error("the runtime asked for {asked} bytes of memory, more than the limit of {limit}")]
    MemoryLimit {
        /// Bytes it asked for.
        asked: usize,
        /// The limit.
        limit: usize,
    },
    /// The guest's calls were nested too deeply.
    #[error("the runtime's stack overflowed")]
    StackOverflow,
    /// The answer, or the room for the arguments, does not lie in the guest's memory.
    #[error("the runtime gave a place outside of its memory: {0}")]
    BadPointer(String),
    /// The answer is longer than a call may give.
    #[error("the answer has {len} bytes, more than the limit of {limit}")]
    AnswerTooLarge {
        /// Bytes of the answer.
        len: u32,
        /// The limit.
        limit: u32,
    },
    /// There is no room for the answer in the native memory of the call, its tenant or the node.
    #[error(transparent)]
    NativeBytes(#[from] QuotaExceeded),
    /// The function ended well and its writes could not be made durable.
    #[error("the call's writes were not stored: {0}")]
    StorageCommit(#[from] CommitError),
    /// The node failed in a way that is not the guest's fault.
    #[error("the node failed: {0}")]
    Internal(String),
}
