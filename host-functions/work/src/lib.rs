//! Where tenants' work runs: guests and heavy native work get OS threads of their own, so that the async workers only do
//! I/O, and tenants share those threads by the processor time they use.
//!
//! ```text
//!  tokio workers:  sockets, timers, channels
//!       │ spawn                      │ heavy::run(..).await
//!       ▼                            ▼
//!  FairQueue per tenant         FairQueue per tenant          the tenant with the least virtual time is next
//!       ▼                            ▼
//!  guest threads (slices)       heavy threads (whole jobs)    both at a lower priority than I/O and forward passes
//! ```
//!
//! - [`queue`]: the policy, pure: no thread and no clock.
//! - [`guests`]: polls the futures of calls, one slice at a time.
//! - [`heavy`]: runs closures: tokenising, transcoding, hashing, tensor operations.
//! - [`priority`]: the priority of a thread.
//!
//! This is a crate of its own, because both the host functions and the node above them use it, and it knows neither.

pub mod guests;
pub mod heavy;
pub mod priority;
pub mod queue;
#[cfg(test)]
mod queue_tests;
mod threads;

pub use threads::{computes_alone, thread_cpu_time};

use std::time::Duration;

/// Whose work it is, and the share of the threads it gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scope {
    /// The tenant's key in the engine; it comes from the identity of the caller and never from a request.
    pub key: [u8; 32],
    /// Processor time relative to other tenants. 0 counts as 1.
    pub weight: u32,
}

impl Scope {
    /// All work without a tenant: anonymous clients together have one share of weight 1, and at most one heavy thread.
    pub const ANONYMOUS: Self = Self { key: [0; 32], weight: 1 };
}

/// Where the processor time of a call is counted.
pub trait CpuAccount: Send + Sync {
    /// Processor time counted so far.
    fn cpu_time(&self) -> Duration;
    /// Counts more processor time.
    fn add_cpu_time(&self, time: Duration);
}
