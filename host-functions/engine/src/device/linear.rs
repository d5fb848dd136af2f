//! A weight matrix on a device.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{Device, Module, Result, Tensor};
use realm_kernels::WeightType;

/// Rows that go through a matrix at once. As many as candle's CUDA kernels take that read quantised weights directly.
pub const ROWS: usize = 8;

/// `y = x wᵀ + bias`.
pub struct Linear {
    matrix: QMatMul,
    /// `[n]`.
    bias: Option<Tensor>,
    bytes: u64,
}

impl Linear {
    /// A matrix of `n` rows of `k` weights, from its bytes in the model's file. Quantised types stay as they are, 16-bit
    /// floats become f32.
    pub fn new(device: &Device, ty: WeightType, bytes: &[u8], shape: (usize, usize), bias: Option<Tensor>) -> Result<Self> {
        // Candle reads whole blocks from the bytes' own place.
        let aligned = bytes.as_ptr().align_offset(align_of::<f32>()) == 0;
        let bytes = if aligned { Cow::Borrowed(bytes) } else { Cow::Owned(aligned_copy(bytes)) };
        let storage = QStorage::from_data(bytes, device, ggml_type(ty))?;
        let matrix = QMatMul::from_arc(Arc::new(QTensor::new(storage, shape)?))?;
        let bytes = match &matrix {
            QMatMul::QTensor(tensor) => tensor.storage_size_in_bytes(),
            QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
        };
        Ok(Self { matrix, bias, bytes: bytes as u64 })
    }

    /// `[rows, k]` to `[rows, n]`. A row's bits do not depend on how many rows there are.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        let whole = rows.next_multiple_of(ROWS);
        let x = if whole == rows { x.clone() } else { x.pad_with_zeros(0, 0, whole - rows)? }.contiguous()?;
        let groups = (0..whole / ROWS).map(|group| self.matrix.forward(&x.narrow(0, group * ROWS, ROWS)?.contiguous()?));
        let y = Tensor::cat(&groups.collect::<Result<Vec<_>>>()?, 0)?.narrow(0, 0, rows)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => y.broadcast_add(bias),
        }
    }

    /// What it takes of the device's memory.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A vector's memory is at least as aligned as the largest of its values.
fn aligned_copy(bytes: &[u8]) -> Vec<u8> {
    // The allocator aligns what is this large to 16 bytes on all systems that candle runs on.
    let mut copy = Vec::with_capacity(bytes.len().max(64));
    copy.extend_from_slice(bytes);
    copy
}

fn ggml_type(ty: WeightType) -> GgmlDType {
    match ty {
        WeightType::F32 => GgmlDType::F32,
        WeightType::F16 => GgmlDType::F16,
        WeightType::BF16 => GgmlDType::BF16,
        WeightType::Q4_0 => GgmlDType::Q4_0,
        WeightType::Q4_1 => GgmlDType::Q4_1,
        WeightType::Q5_0 => GgmlDType::Q5_0,
        WeightType::Q5_1 => GgmlDType::Q5_1,
        WeightType::Q8_0 => GgmlDType::Q8_0,
        WeightType::Q2K => GgmlDType::Q2K,
        WeightType::Q3K => GgmlDType::Q3K,
        WeightType::Q4K => GgmlDType::Q4K,
        WeightType::Q5K => GgmlDType::Q5K,
        WeightType::Q6K => GgmlDType::Q6K,
    }
}
