//! Host functions: what a sandboxed runtime can reach of the node, over wasmtime's `Linker`.
//!
//! - [`link`] offers all of them; [`HostFunction`] lists them; one file per import module.
//! - [`CallState`] is the data of a call's store: handles, result buffer, storage transaction, counters.
//! - [`TenantResources`] is what a tenant's calls may reach; [`CallSetup`] what one call is given.
//! - [`budget::NativeBudget`]: a tree of budgets for native bytes of a call, a tenant and the node. Nothing draws on it yet.
//! - [`storage::Store`] is the node's database, with one namespace per tenant.
//! - [`HostLimits`] has every limit; [`HostError`] every way to fail.
//!
//! A host function takes numbers and gives a number (see `realm_primitives::abi`). Every pointer,
//! length and size is checked before use and before anything is allocated. Functions that wait for
//! the batch or for a subscriber suspend the guest's fiber and hold no thread.

pub mod budget;
mod call;
mod context;
mod crypto;
mod error;
mod functions;
mod guest_memory;
mod heavy;
mod host_call;
mod inference;
mod limits;
mod model;
pub mod storage;
mod stream;
mod tensor;

pub use budget::{BudgetScope, Lease, NativeBudget, QuotaExceeded};
pub use call::{CallSetup, CallState, CallTally, CallUsage, SAMPLED, TenantResources, TokenTimes, Working};
pub use error::HostError;
pub use functions::HostFunction;
pub use guest_memory::GuestMemory;
pub use limits::{HostLimits, InferenceLimits, StorageLimits, TensorLimits};
pub use model::{HostModel, WEIGHT_CACHE_BYTES_MAX};
pub use storage::ConnectionMemory;

/// Offers all host functions.
///
/// # Errors
/// The linker already has one of these names.
pub fn link(linker: &mut wasmtime::Linker<CallState>) -> wasmtime::Result<()> {
    context::link(linker)?;
    tensor::link(linker)?;
    inference::link(linker)?;
    storage::link(linker)?;
    crypto::link(linker)?;
    stream::link(linker)
}
