//! Who may use which part of the KV memory: paged blocks, shared by count, copied when written.
//!
//! Pure bookkeeping: the memory itself belongs to the executor, which is told block numbers.
//!
//! - [`BlockPool`] allocates blocks, counts references, and keeps each tenant within its bound.
//! - [`BlockTable`] is one sequence's blocks in order; it forks, truncates, and copies before writing to what it shares.
//! - [`PrefixIndex`] keeps finished blocks for later sequences of the same tenant.

mod pool;
mod prefix;
mod table;

pub use pool::{BlockId, BlockPool, Shortage};
pub use prefix::{EntryId, PrefixIndex, ROOT};
pub use table::{BLOCK_LEN, BlockCopy, BlockTable, blocks_for};
