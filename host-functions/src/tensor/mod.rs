//! `realm_tensor_v1`: tensors and the model's weights, by handle. Enough to write a whole transformer
//! in the runtime; values stay native.
//!
//! - `value`: what a handle holds, and the budget of bytes.
//! - `weights`: the model's weights, unpacked when first used and kept within a budget.
//! - `shape`: every check of dimensions, before anything is allocated.
//! - `matmul`, `rows`, `layout`: the operations, on candle tensors, with no guest in sight.
//! - `paging`: the hint that a layer will be read.
//! - `imports`: the host functions.
//! - `work`: how long operations and their panics are kept from harming the node.

mod imports;
mod layout;
mod matmul;
mod paging;
mod rows;
mod shape;
mod value;
mod weights;
mod work;

pub(crate) use imports::link;
pub(crate) use value::TensorState;
pub(crate) use weights::WeightCache;
