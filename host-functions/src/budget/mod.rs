//! Native memory: the bytes that the host holds on behalf of guests, outside of their linear memory.
//!
//! ```text
//!  node (--native-bytes) ─┬─ tenant (native_bytes_max) ─┬─ call ◄── leases: tensors, logits, samplers, overlay, ..
//!                         │                             ├─ call ◄── leases
//!                         │                             └─ kept streams ◄── leases: events of resumable streams
//!                         │                             ◄── leases: connection memory, arguments that wait
//!                         └─ tenant ..
//! ```
//!
//! A [`NativeBudget`] is one level of this tree. A [`Lease`] is a number of bytes that is counted at its
//! level and at every level above; dropping the lease gives the bytes back, also when a call is dropped
//! midway or panics. Bytes are leased before they are allocated, so a level never counts more than its
//! limit. A request past a limit is refused with the first level, from the call upwards, that is full.
//!
//! Counters are atomics and no lock is taken. A request that a higher level refuses has been counted at
//! the levels below for a moment, so two calls of one tenant that ask at the same time may both be refused
//! where one would fit; calls of other tenants are never refused for that reason.

mod error;
mod lease;
mod level;
pub mod overhead;
#[cfg(test)]
mod tests;

pub use error::{BudgetScope, QuotaExceeded};
pub use lease::Lease;
pub use level::NativeBudget;
