//! Which tokens of which sequences are computed next: a policy without clock, channel or tensor.
//!
//! ```text
//!  open, submit, cancel, truncate, fork, close ──> Scheduler ── plan ──> Plan ──> the worker computes it
//!                                                      ^                               │
//!                                                      └──────────── commit ───────────┘
//! ```
//!
//! A step takes all sequences that want a few tokens (decoding), in fair order as far as the batch goes, and besides
//! them one chunk of the longer stretches (prefilling), again in fair order. So sequences join and leave at each step,
//! and no prompt, however long, delays the others by more than a chunk. Among prompts a tenant that asks for much does
//! not pass one that asks for less, and the step that ends a prompt gives the others no more than their share of it: a
//! short prompt takes twice its own time, behind whatever load.
//!
//! Keys and values are a cache of what tokens imply. When blocks run out, finished prefixes go first, then sequences
//! that have not moved for a while, then later comers give way to earlier ones; what was taken is computed again when
//! its sequence goes on. A sequence that has no blocks waits until there are some: running out queues, and never fails.

#[cfg(any(test, feature = "fuzzing"))]
pub mod driven;
mod fair;
mod first;
mod plan;
mod policy;
mod room;
mod sequence;
#[cfg(test)]
mod share_tests;
#[cfg(test)]
mod tests;

pub use fair::WEIGHT_DEFAULT;
pub use plan::{Output, Part, Plan};
pub use policy::{Limits, Refused, Scheduler, TenantBounds};

/// A sequence; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceId(pub u64);

/// A request for the next tokens of a sequence; never used twice, and ordered by when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);
