//! What the tensor host functions hand out.

use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// One tensor of a layer that `memory64_load_layer` paged in.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct LayerTensor {
    /// Name in the weight file, for example `blk.0.attn_q.weight`.
    pub name: String,
    /// Handle, good until the call ends or `tensor_drop`.
    pub handle: u32,
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
    /// Type in the file, for example `Q8_0`.
    pub dtype: String,
}
