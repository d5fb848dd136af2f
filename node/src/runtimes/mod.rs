//! The runtimes in force. Each is a [`LoadedRuntime`]: code, version and metadata that belong
//! together and never change; a [`RuntimeSlot`] says which one is in force for the chain, a [`TenantRuntime`] for one
//! tenant, and swapping it is one store. A call takes the runtime at its beginning and keeps it
//! until it ends, so a swap never touches calls in flight.

mod blob;
mod loaded;
mod slot;

pub use blob::{BlobError, read_blob};
pub use loaded::{CompilePriority, LoadRuntimeError, LoadedRuntime};
pub use slot::{RuntimeSlot, TenantRuntime, Unavailable};
