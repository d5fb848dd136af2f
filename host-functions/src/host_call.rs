//! What every host function has in common: entering counts the call, leaving turns its outcome into
//! the number that crosses the wall and keeps an error's text for the guest.

use crate::{CallState, error::HostError, functions::HostFunction, guest_memory::GuestMemory, limits::HostLimits};
use parity_scale_codec::{Compact, Decode, DecodeLimit};
use std::sync::Arc;
use wasmtime::Caller;

/// Nesting of a SCALE value that a guest hands in. The types of the ABI need three.
const DECODE_DEPTH_MAX: u32 = 8;

/// A host function at work for a guest.
pub(crate) struct HostCall<'a> {
    caller: Caller<'a, CallState>,
}

impl<'a> HostCall<'a> {
    pub(crate) fn enter(mut caller: Caller<'a, CallState>, function: HostFunction) -> Self {
        caller.data_mut().usage.count(function);
        Self { caller }
    }

    pub(crate) fn leave(mut self, answer: Result<impl Answer, HostError>) -> i64 {
        self.state().scratch.clear();
        match answer {
            Ok(answer) => answer.into_i64(),
            Err(error) => {
                let code = error.code();
                let mut text = error.to_string();
                // A text may quote the guest.
                text.truncate(text.floor_char_boundary(self.limits().error_text_bytes_max));
                text.shrink_to_fit();
                self.state_mut().last_error = text;
                -i64::from(code as u32)
            }
        }
    }

    pub(crate) fn state(&self) -> &CallState {
        self.caller.data()
    }

    pub(crate) fn state_mut(&mut self) -> &mut CallState {
        self.caller.data_mut()
    }

    pub(crate) fn limits(&self) -> &HostLimits {
        &self.state().tenant().limits
    }

    /// Counts bytes that this host function holds until it returns.
    pub(crate) fn scratch(&self, what: &'static str, bytes: u64) -> Result<(), HostError> {
        Ok(self.state().scratch.grow(what, bytes)?)
    }

    fn memory(&self) -> Result<GuestMemory, HostError> {
        self.state().memory()
    }

    /// Bytes that the guest hands in.
    pub(crate) fn bytes(&self, ptr: u32, len: u32) -> Result<Vec<u8>, HostError> {
        self.bytes_up_to(ptr, len, self.limits().input_bytes_max, "bytes of input")
    }

    /// Bytes that the guest hands in, under a limit of their own.
    pub(crate) fn bytes_up_to(
        &self,
        ptr: u32,
        len: u32,
        len_max: u32,
        what: &'static str,
    ) -> Result<Vec<u8>, HostError> {
        HostError::check_limit(what, len.into(), len_max.into())?;
        self.scratch(what, len.into())?;
        self.memory()?.read(&self.caller, ptr, len, len_max, what)
    }

    /// Text that the guest hands in.
    pub(crate) fn text(&self, ptr: u32, len: u32) -> Result<String, HostError> {
        String::from_utf8(self.bytes(ptr, len)?)
            .map_err(|error| HostError::invalid(format!("the text is not UTF-8: {}", error.utf8_error())))
    }

    /// A SCALE value that the guest hands in, with nothing left over.
    pub(crate) fn decoded<T: DecodeLimit>(&self, ptr: u32, len: u32) -> Result<T, HostError> {
        let bytes = self.bytes(ptr, len)?;
        T::decode_all_with_depth_limit(DECODE_DEPTH_MAX, &mut &bytes[..]).map_err(not_scale)
    }

    /// A SCALE list that the guest hands in. Its length is checked before it is decoded, because a
    /// few bytes can stand for an entry that takes many.
    pub(crate) fn decoded_list<T: Decode>(
        &self,
        ptr: u32,
        len: u32,
        entries_max: u32,
        what: &'static str,
    ) -> Result<Vec<T>, HostError> {
        let bytes = self.bytes(ptr, len)?;
        let entries = Compact::<u32>::decode(&mut &bytes[..]).map_err(not_scale)?;
        HostError::check_limit(what, entries.0.into(), entries_max.into())?;
        DecodeLimit::decode_all_with_depth_limit(DECODE_DEPTH_MAX, &mut &bytes[..]).map_err(not_scale)
    }

    /// Tokens that the guest hands in.
    pub(crate) fn tokens(&self, ptr: u32, count: u32) -> Result<Vec<u32>, HostError> {
        let (count_max, what) = (self.limits().inference.tokens_max, "tokens of input");
        HostError::check_limit(what, count.into(), count_max.into())?;
        self.scratch(what, u64::from(count) * 4)?;
        self.memory()?.read_words(&self.caller, ptr, count, count_max, what)
    }

    /// Dimensions that the guest hands in.
    pub(crate) fn dimensions(&self, ptr: u32, rank: u32) -> Result<Vec<u32>, HostError> {
        self.memory()?.read_words(&self.caller, ptr, rank, self.limits().tensor.rank_max, "dimensions of a tensor")
    }

    /// Floats that the guest hands in; the caller has checked `len` against its limit.
    pub(crate) fn floats(&self, ptr: u32, len: u32) -> Result<Vec<f32>, HostError> {
        self.memory()?.read_floats(&self.caller, ptr, len)
    }

    /// Lets `look` see the guest's bytes without a copy.
    pub(crate) fn with_bytes<R>(&self, ptr: u32, len: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R, HostError> {
        self.memory()?.with(&self.caller, ptr, len, look)
    }

    /// Copies `bytes` into the guest's memory.
    pub(crate) fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), HostError> {
        self.memory()?.write(&mut self.caller, ptr, bytes)
    }

    /// Copies `values` into the guest's memory; `len` in bytes must match.
    pub(crate) fn write_floats(&mut self, ptr: u32, len: u32, values: &[f32]) -> Result<(), HostError> {
        if u64::from(len) != values.len() as u64 * 4 {
            return Err(HostError::invalid(format!("{len} bytes do not hold {} f32", values.len())));
        }
        self.memory()?.write_floats(&mut self.caller, ptr, values)
    }

    /// Copies the result buffer, whose length must be `len`, into the guest's memory and empties it.
    pub(crate) fn take_result(&mut self, ptr: u32, len: u32) -> Result<(), HostError> {
        self.memory()?.write_from_state(&mut self.caller, ptr, |state| {
            if state.result.len() as u64 != u64::from(len) {
                return Err(HostError::ResultLength { held: state.result.len(), asked: len });
            }
            Ok(&state.result)
        })?;
        self.state_mut().clear_result();
        Ok(())
    }

    /// The tenant's model.
    pub(crate) fn model(&self) -> Result<Arc<crate::HostModel>, HostError> {
        self.state().tenant().model.clone().ok_or_else(|| HostError::ModelUnavailable("the tenant has no model".into()))
    }
}

fn not_scale(error: parity_scale_codec::Error) -> HostError {
    HostError::invalid(format!("the SCALE bytes do not decode: {error}"))
}

/// What a host function answers when it succeeds.
pub(crate) trait Answer {
    fn into_i64(self) -> i64;
}

impl Answer for () {
    fn into_i64(self) -> i64 {
        0
    }
}

impl Answer for u32 {
    fn into_i64(self) -> i64 {
        self.into()
    }
}

impl Answer for bool {
    fn into_i64(self) -> i64 {
        self.into()
    }
}

/// Links host functions: `function => body(arguments)`, where `body` takes a [`HostCall`] first.
macro_rules! link_functions {
    ($linker:ident; $($function:ident => $body:path [$($argument:ident: $kind:ty),*];)*) => {
        $($linker.func_wrap(
            HostFunction::$function.module(),
            HostFunction::$function.name(),
            |caller: ::wasmtime::Caller<'_, $crate::CallState>, $($argument: $kind),*| -> i64 {
                let mut call = $crate::host_call::HostCall::enter(caller, HostFunction::$function);
                let answer = $body(&mut call, $($argument),*);
                call.leave(answer)
            },
        )?;)*
    };
}

/// Links host functions that may wait; their bodies are async.
macro_rules! link_async_functions {
    ($linker:ident; $($function:ident => $body:path [$($argument:ident: $kind:ty),*];)*) => {
        $($linker.func_wrap_async(
            HostFunction::$function.module(),
            HostFunction::$function.name(),
            |caller: ::wasmtime::Caller<'_, $crate::CallState>, ($($argument,)*): ($($kind,)*)| {
                Box::new(async move {
                    let mut call = $crate::host_call::HostCall::enter(caller, HostFunction::$function);
                    let answer = $body(&mut call, $($argument),*).await;
                    call.leave(answer)
                })
            },
        )?;)*
    };
}

pub(crate) use {link_async_functions, link_functions};
