//! One call inside the runtime: bytes to arguments, the function, its answer to bytes. The wasm
//! exports and the native dispatcher are both this.

use alloc::{string::String, vec::Vec};
use core::fmt;
use parity_scale_codec::{Decode, DecodeAll, Encode};

/// Why a call never reached its function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InvokeError {
    /// The runtime has no such function.
    UnknownFunction {
        /// The name that was asked for.
        function: String,
    },
    /// The bytes are not the SCALE encoding of the arguments, or more than it.
    Arguments {
        /// The function.
        function: &'static str,
        /// Where decoding stopped.
        error: parity_scale_codec::Error,
    },
}

impl InvokeError {
    /// The error for a name that the runtime does not have.
    pub fn unknown(function: &str) -> Self {
        Self::UnknownFunction { function: function.into() }
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvokeError::UnknownFunction { function } => write!(f, "the runtime has no function {function}"),
            InvokeError::Arguments { function, error } => {
                write!(f, "the arguments of {function} do not decode: {error}")
            }
        }
    }
}

impl core::error::Error for InvokeError {}

/// Calls functions of a runtime without a sandbox, as tests of runtime code do.
/// Implemented by `impl_runtime_apis!` outside wasm32.
pub trait NativeDispatch {
    /// Calls `function` with SCALE-encoded arguments; gives the SCALE-encoded answer.
    ///
    /// # Errors
    /// [`InvokeError`]: an unknown function, or arguments that do not decode.
    fn dispatch(function: &str, arguments: &[u8]) -> Result<Vec<u8>, InvokeError>;
}

/// Decodes `arguments` with nothing left over, calls, encodes the answer.
///
/// # Errors
/// [`InvokeError::Arguments`].
pub fn invoke<A: Decode, R: Encode>(
    function: &'static str,
    arguments: &[u8],
    body: impl FnOnce(A) -> R,
) -> Result<Vec<u8>, InvokeError> {
    let arguments = A::decode_all(&mut &*arguments).map_err(|error| InvokeError::Arguments { function, error })?;
    Ok(body(arguments).encode())
}

/// The body of a wasm export. The node encodes arguments by this blob's own metadata, so arguments
/// that do not decode are the caller's raw bytes: the call traps, and the log says why.
#[cfg(target_arch = "wasm32")]
pub fn export<A: Decode, R: Encode>(function: &'static str, pointer: i32, len: i32, body: impl FnOnce(A) -> R) -> i64 {
    // SAFETY: the ABI says that the node calls an export with the place of arguments that it wrote,
    // to the full length, into memory from `realm_alloc`, and that it does so once per allocation.
    let arguments = unsafe { crate::guest::arguments(pointer as u32, len as u32) };
    match invoke(function, &arguments, body) {
        Ok(answer) => crate::guest::answer(answer) as i64,
        Err(error) => panic!("{error}"),
    }
}
