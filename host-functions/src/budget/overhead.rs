//! What an entry takes beside its own bytes, so that many small entries count as what they are.
//!
//! The figures are upper bounds for 64-bit machines and glibc's allocator, whose smallest block has 32
//! bytes. They are part of every limit in bytes that they concern, not only of the budget.

/// A key in a connection's memory: two allocations, their vectors (48 bytes), and a tree's nodes two thirds full.
pub const MAP_ENTRY_BYTES: u64 = 160;

/// A key that a call writes, until the write is durable: the map's entry, then the list that the writer gets, its
/// check for keys written twice, and the page of the database. Measured: 320 bytes for a key of four bytes.
pub const WRITE_ENTRY_BYTES: u64 = 320;

/// A key that a call reads: a hash of 16 bytes and a version, in a hash table that may be half empty and is copied
/// when it grows.
pub const READ_ENTRY_BYTES: u64 = 96;

/// A key in the database: the namespace's name and the version beside it, its place in a page, and pages that are
/// two thirds full. Measured: 44 bytes with a name of ten bytes.
pub const STORED_ENTRY_BYTES: u64 = 96;

/// A handle of a call: its slot, and the fixed part of what it names.
pub const HANDLE_BYTES: u64 = 256;

/// A sampler of a call: its handle, its parameters and its last draw with at most 64 alternatives.
pub const SAMPLER_BYTES: u64 = 1024;

/// What tokenising a text takes for each of its bytes while it runs, at most. Measured: 116 to 190 bytes for texts of 4 MiB of
/// letters, digits, blanks and Chinese.
pub const TOKENISED_BYTE_BYTES: u64 = 192;

/// An event in a queue or in a kept stream, beside its text.
pub const EVENT_ENTRY_BYTES: u64 = 96;
