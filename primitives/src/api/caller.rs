//! Typed calls into a runtime from outside its sandbox. `decl_runtime_apis!` makes a `..Caller` of
//! each API; what carries the bytes (an executor, a connection, a test) is a [`RuntimeCaller`].

use alloc::vec::Vec;
use core::{fmt, future::Future};
use parity_scale_codec::{Decode, DecodeAll, Encode};

/// Something that can call a function of a runtime by its export's name.
pub trait RuntimeCaller {
    /// Why a call has no answer.
    type Error;

    /// Calls `function`, for example `RealmApi_generate`, with the SCALE encoding of the tuple of its
    /// arguments. Gives the SCALE encoding of what it returns.
    fn call(&self, function: &str, arguments: Vec<u8>) -> impl Future<Output = Result<Vec<u8>, Self::Error>> + Send;
}

impl<C: RuntimeCaller> RuntimeCaller for &C {
    type Error = C::Error;

    fn call(&self, function: &str, arguments: Vec<u8>) -> impl Future<Output = Result<Vec<u8>, Self::Error>> + Send {
        (**self).call(function, arguments)
    }
}

/// Why a typed call has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallError<E> {
    /// The call itself failed.
    Call(E),
    /// The answer is not the SCALE encoding of the declared type: the runtime that answered
    /// declares the function otherwise.
    Answer {
        /// Name of the export.
        function: &'static str,
        /// Where decoding stopped.
        error: parity_scale_codec::Error,
    },
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Call(error) => error.fmt(f),
            CallError::Answer { function, error } => write!(f, "the answer of {function} does not decode: {error}"),
        }
    }
}

impl<E: core::error::Error> core::error::Error for CallError<E> {}

/// Encodes, calls, decodes. Every byte of the answer must be used.
///
/// # Errors
/// [`CallError`].
///
/// # Cancel safety
/// Dropping the future drops the call.
pub fn call_typed<C, A, R>(
    caller: &C,
    function: &'static str,
    arguments: A,
) -> impl Future<Output = Result<R, CallError<C::Error>>>
where
    C: RuntimeCaller,
    A: Encode,
    R: Decode,
{
    let call = caller.call(function, arguments.encode());
    async move {
        let answer = call.await.map_err(CallError::Call)?;
        R::decode_all(&mut answer.as_slice()).map_err(|error| CallError::Answer { function, error })
    }
}
