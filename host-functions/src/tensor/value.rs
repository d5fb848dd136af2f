//! What a tensor handle holds, and the bytes that a call may hold altogether.

use super::{shape, weights::Weight};
use crate::{
    budget::{Lease, NativeBudget, overhead::HANDLE_BYTES},
    call::{HandleKind, HandleTable},
    error::HostError,
    limits::{HostLimits, TensorLimits},
};
use candle_core::Tensor;

/// What a handle holds.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// f32 values of the call's own, contiguous, whose storage nobody else shares.
    Dense(Tensor),
    /// A weight of the model, in the file's type.
    Weight(Weight),
}

impl Value {
    pub(super) fn shape(&self) -> &[usize] {
        match self {
            Value::Dense(tensor) => tensor.dims(),
            Value::Weight(weight) => weight.shape(),
        }
    }

    /// Bytes that [`Self::dense`] allocates for a while: a weight's values are unpacked.
    pub(super) fn unpacked_bytes(&self) -> Result<u64, HostError> {
        match self {
            Value::Dense(_) => Ok(0),
            Value::Weight(weight) => weight.unpacked_bytes(),
        }
    }

    /// Bytes that count against the call. Weights are shared by all calls and have a budget of their own.
    fn bytes(&self) -> u64 {
        match self {
            Value::Dense(tensor) => tensor.elem_count() as u64 * 4,
            Value::Weight(_) => 0,
        }
    }

    /// The values as f32.
    pub(super) fn dense(&self, limits: &TensorLimits) -> Result<Tensor, HostError> {
        match self {
            Value::Dense(tensor) => Ok(tensor.clone()),
            Value::Weight(weight) => {
                shape::elements(weight.shape(), limits)?;
                weight.dense()
            }
        }
    }
}

/// The tensors of a call.
#[derive(Debug)]
pub(crate) struct TensorState {
    held: HandleTable<Value>,
    budget: NativeBudget,
    bytes: u64,
    bytes_max: u64,
}

impl TensorState {
    pub(crate) fn new(limits: &HostLimits, budget: &NativeBudget) -> Self {
        let held = HandleTable::new(HandleKind { tag: 1, name: "a tensor" }, limits.handles_max);
        Self { held, budget: budget.clone(), bytes: 0, bytes_max: limits.tensor.bytes_max }
    }

    /// Room for a tensor of this many values: asked for before they are computed, given to [`Self::insert`].
    pub(super) fn reserve(&self, elements: u64) -> Result<Lease, HostError> {
        self.held.check_room()?;
        let bytes = elements.saturating_mul(4);
        HostError::check_limit("bytes of a call's tensors", self.bytes.saturating_add(bytes), self.bytes_max)?;
        Ok(self.budget.try_take("tensors", bytes.saturating_add(HANDLE_BYTES))?)
    }

    /// Takes in a value whose room was reserved.
    pub(super) fn insert(&mut self, value: Value, room: Lease) -> Result<u32, HostError> {
        let bytes = value.bytes();
        let handle = self.held.insert(value, room)?;
        self.bytes += bytes;
        Ok(handle)
    }

    pub(super) fn get(&self, handle: u32) -> Result<&Value, HostError> {
        self.held.get(handle)
    }

    pub(super) fn remove(&mut self, handle: u32) -> Result<(), HostError> {
        let value = self.held.remove(handle)?;
        self.bytes -= value.bytes();
        Ok(())
    }
}
