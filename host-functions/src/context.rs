//! `realm_context_v1`: the call's context, the result buffer, the last error's text, the log.

use crate::{CallState, error::HostError, functions::HostFunction, host_call::HostCall};
use wasmtime::Linker;

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        Take => take[ptr: u32, len: u32];
        ErrorMessage => error_message[];
        CallContext => call_context[];
        Log => log[level: u32, ptr: u32, len: u32];
    }
    Ok(())
}

fn take(call: &mut HostCall<'_>, ptr: u32, len: u32) -> Result<(), HostError> {
    call.take_result(ptr, len)
}

fn error_message(call: &mut HostCall<'_>) -> Result<u32, HostError> {
    let text = std::mem::take(&mut call.state_mut().last_error);
    call.state_mut().put_result(text.into_bytes())
}

fn call_context(call: &mut HostCall<'_>) -> Result<u32, HostError> {
    let context = call.state().context().clone();
    call.state_mut().put_encoded(&context)
}

/// Cuts what is too long, and drops what is too much, instead of failing: a runtime must not break
/// because it says something.
fn log(call: &mut HostCall<'_>, level: u32, ptr: u32, len: u32) -> Result<(), HostError> {
    if level > 3 {
        return Err(HostError::invalid(format!("{level} is not a level of the log: 0 to 3")));
    }
    let line_bytes_max = call.limits().log_line_bytes_max;
    let line = call.with_bytes(ptr, len, |bytes| {
        let cut = bytes.get(..line_bytes_max as usize).unwrap_or(bytes);
        String::from_utf8_lossy(cut).into_owned()
    })?;
    let lines_max = call.limits().log_lines_max;
    let state = call.state_mut();
    state.log.lines = state.log.lines.saturating_add(1);
    if state.log.lines <= lines_max {
        let (tenant, id) = (&state.setup.context.tenant, &state.setup.context.call_id);
        match level {
            0 => tracing::error!(target: "realm::guest", %tenant, call = %id, "{line}"),
            1 => tracing::warn!(target: "realm::guest", %tenant, call = %id, "{line}"),
            2 => tracing::info!(target: "realm::guest", %tenant, call = %id, "{line}"),
            _ => tracing::debug!(target: "realm::guest", %tenant, call = %id, "{line}"),
        }
    }
    // Kept even when the log is full: it may be a panic's text, which the caller is told.
    if level == 0 {
        state.log.last_error_line = Some(line);
    }
    Ok(())
}
