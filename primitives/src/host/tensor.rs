//! Tensors on the host: enough to write a whole transformer in the runtime. Values stay native;
//! the guest holds handles, good for this call, freed when dropped.

use super::{HostError, memory, raw};
use crate::{LayerTensor, abi::flag};
use alloc::{vec, vec::Vec};

/// A tensor that the host holds for this call.
#[derive(Debug)]
pub struct Tensor(u32);

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: takes no pointers. A handle that the host no longer knows is no leak.
        let _ = unsafe { raw::tensor_drop(self.0) };
    }
}

fn tensor(answer: i64) -> Result<Tensor, HostError> {
    memory::checked(answer).map(Tensor)
}

/// A weight of the tenant's model by its name in the file, in the file's own type.
pub fn get_tensor(name: &str) -> Result<Tensor, HostError> {
    let (ptr, len) = memory::parts(name.as_bytes());
    // SAFETY: pointer and length of a live slice.
    tensor(unsafe { raw::get_tensor(ptr, len) })
}

/// Names, shapes and handles of one layer's tensors. Asks the system to read that layer of the file ahead, which changes
/// no result. The weights stay in the node's address space; the guest's 4 GiB do not bound them, the node's memory does.
pub fn memory64_load_layer(layer: u32) -> Result<Vec<(LayerTensor, Tensor)>, HostError> {
    // SAFETY: takes no pointers.
    let tensors: Vec<LayerTensor> = memory::decoded(unsafe { raw::memory64_load_layer(layer) })?;
    Ok(tensors
        .into_iter()
        .map(|entry| {
            let handle = Tensor(entry.handle);
            (entry, handle)
        })
        .collect())
}

/// `a · b`, over the last two dimensions; leading dimensions must agree.
pub fn candle_matmul(a: &Tensor, b: &Tensor) -> Result<Tensor, HostError> {
    // SAFETY: takes no pointers.
    tensor(unsafe { raw::candle_matmul(a.0, b.0, 0) })
}

/// `x · wᵀ` for weights stored `(n, k)`, quantised or not.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor, HostError> {
    // SAFETY: takes no pointers.
    tensor(unsafe { raw::candle_matmul(x.0, weight.0, flag::MATMUL_TRANSPOSED) })
}

/// Rows of `table` for the given ids: `(ids, width)`.
pub fn embedding_lookup(table: &Tensor, ids: &[u32]) -> Result<Tensor, HostError> {
    let (ptr, count) = memory::parts(ids);
    // SAFETY: pointer and count of a live slice.
    tensor(unsafe { raw::embedding_lookup(table.0, ptr, count) })
}

impl Tensor {
    /// A tensor of these values; their number must be the product of `shape`.
    pub fn new(shape: &[u32], values: &[f32]) -> Result<Tensor, HostError> {
        let (shape_ptr, rank) = memory::parts(shape);
        // wasm32 is little-endian, so the floats already lie as the host wants them.
        let data_len = core::mem::size_of_val(values) as u32;
        // SAFETY: pointers and lengths of live slices.
        tensor(unsafe { raw::tensor_new(shape_ptr, rank, values.as_ptr() as u32, data_len) })
    }

    /// Dimensions, outermost first.
    pub fn shape(&self) -> Result<Vec<u32>, HostError> {
        // SAFETY: takes no pointers.
        memory::decoded(unsafe { raw::tensor_shape(self.0) })
    }

    /// All values, row by row.
    pub fn read(&self) -> Result<Vec<f32>, HostError> {
        let count: u32 = self.shape()?.iter().product();
        let mut values = vec![0f32; count as usize];
        // SAFETY: pointer and length of a live, exclusively borrowed buffer of `count` floats.
        memory::checked(unsafe { raw::tensor_read(self.0, values.as_mut_ptr() as u32, count * 4) })?;
        Ok(values)
    }

    /// Elementwise sum with broadcasting.
    pub fn add(&self, other: &Tensor) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::add(self.0, other.0) })
    }

    /// Elementwise product with broadcasting.
    pub fn mul(&self, other: &Tensor) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::mul(self.0, other.0) })
    }

    /// Product with a number.
    pub fn scale(&self, factor: f32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::scale(self.0, factor) })
    }

    /// x · sigmoid(x).
    pub fn silu(&self) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::silu(self.0) })
    }

    /// Softmax over the last dimension.
    pub fn softmax(&self) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::softmax(self.0) })
    }

    /// Root-mean-square norm over the last dimension, times `weight`.
    pub fn rms_norm(&self, weight: &Tensor, epsilon: f32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::rms_norm(self.0, weight.0, epsilon) })
    }

    /// Rotary embedding of `(positions, heads, head_length)`, the first row at position `start`,
    /// with the pairs side by side as llama's GGUF files have them.
    pub fn rope_interleaved(&self, start: u32, theta: f32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::rope(self.0, start, theta, flag::ROPE_INTERLEAVED) })
    }

    /// Rotary embedding with the pairs half a head apart, as Hugging Face files have them.
    pub fn rope_halves(&self, start: u32, theta: f32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::rope(self.0, start, theta, 0) })
    }

    /// The same values in another shape.
    pub fn reshape(&self, shape: &[u32]) -> Result<Tensor, HostError> {
        let (ptr, rank) = memory::parts(shape);
        // SAFETY: pointer and length of a live slice.
        tensor(unsafe { raw::reshape(self.0, ptr, rank) })
    }

    /// Two dimensions swapped.
    pub fn transpose(&self, dim0: u32, dim1: u32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::transpose(self.0, dim0, dim1) })
    }

    /// `len` entries of `dim` from `start` on.
    pub fn narrow(&self, dim: u32, start: u32, len: u32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::narrow(self.0, dim, start, len) })
    }

    /// `other` after this one along `dim`.
    pub fn concat(&self, other: &Tensor, dim: u32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::concat(self.0, other.0, dim) })
    }

    /// Every entry of `dim` repeated `times` in place: a, a, b, b, ..
    pub fn repeat(&self, dim: u32, times: u32) -> Result<Tensor, HostError> {
        // SAFETY: takes no pointers.
        tensor(unsafe { raw::repeat(self.0, dim, times) })
    }
}
