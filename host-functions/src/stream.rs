//! `realm_stream_v1`: items to whoever subscribed to the call. The channel is bounded and `emit`
//! waits while it is full: a slow reader pauses its own generation and nothing else.

use crate::{
    CallState, budget::overhead::EVENT_ENTRY_BYTES, error::HostError, functions::HostFunction, host_call::HostCall,
};
use wasmtime::Linker;

pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_async_functions! { linker;
        Emit => emit[ptr: u32, len: u32];
    }
    Ok(())
}

/// A subscriber that is gone is no error: whoever cancels a call drops it.
async fn emit(call: &mut HostCall<'_>, ptr: u32, len: u32) -> Result<(), HostError> {
    let event_bytes_max = call.limits().event_bytes_max;
    let item = call.bytes_up_to(ptr, len, event_bytes_max, "bytes of a stream item")?;
    let usage = &mut call.state_mut().usage;
    usage.events += 1;
    usage.event_bytes += u64::from(len);
    if let Some(events) = call.state().setup.events.clone() {
        let lease = call.state().budget.try_take("events that wait", u64::from(len) + EVENT_ENTRY_BYTES)?;
        // From here on the item counts in the queue.
        call.state().scratch.clear();
        events.send(item, lease).await;
    }
    Ok(())
}
