//! JSON to SCALE and back, by metadata alone.
//!
//! Neither side is trusted: JSON comes from clients, SCALE from sandboxes, types from uploaded
//! blobs. So depth is counted ([`DEPTH_MAX`]), values that take no bytes are counted, the JSON that
//! bytes become is counted ([`ANSWER_JSON_BYTES_MAX`]), and nothing is allocated for a length before its
//! bytes are there.

mod budget;
mod compose;
mod decode;
mod encode;
mod error;
mod number;
mod outcome;
mod params;
mod path;

pub use budget::{ANSWER_JSON_BYTES_MAX, ANSWER_TREE_BYTES_MAX, ITEM_JSON_BYTES_MAX, ITEM_TREE_BYTES_MAX};
pub use error::{DecodeError, EncodeError};
pub use outcome::{Outcome, RuntimeFailure};

/// Values inside values, at most. serde_json reads 128 levels of JSON; a type may nest deeper than
/// its JSON, for newtypes leave no trace there.
pub const DEPTH_MAX: usize = 96;
