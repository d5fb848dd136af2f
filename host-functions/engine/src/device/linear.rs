//! A weight matrix on a device.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QMatMul, QStorage, QTensor};
use candle_core::{DType, Device, Module, Result, Tensor};
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
    pub fn new(
        device: &Device,
        ty: WeightType,
        bytes: &[u8],
        shape: (usize, usize),
        bias: Option<Tensor>,
    ) -> Result<Self> {
        let matrix = match stored(ty) {
            Stored::Float(dtype) => QMatMul::Tensor(
                Tensor::from_raw_buffer(bytes, dtype, &[shape.0, shape.1], device)?.to_dtype(DType::F32)?,
            ),
            // Candle reads blocks from the bytes' own place; those of GGUF files are aligned to 8 bytes at least.
            Stored::Blocks(dtype) => {
                let storage = QStorage::from_data(Cow::Borrowed(bytes), device, dtype)?;
                QMatMul::from_arc(Arc::new(QTensor::new(storage, shape)?))?
            }
        };
        let bytes = match &matrix {
            QMatMul::QTensor(tensor) => tensor.storage_size_in_bytes(),
            QMatMul::Tensor(tensor) | QMatMul::TensorF16(tensor) => {
                tensor.elem_count() * tensor.dtype().size_in_bytes()
            }
        };
        Ok(Self { matrix, bias, bytes: bytes as u64 })
    }

    /// `[rows, k]` to `[rows, n]`. A row's bits do not depend on how many rows there are.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.dim(0)?;
        let whole = rows.next_multiple_of(ROWS);
        let x = if whole == rows { x.contiguous()? } else { x.pad_with_zeros(0, 0, whole - rows)?.contiguous()? };
        let groups =
            (0..whole / ROWS).map(|group| self.matrix.forward(&x.narrow(0, group * ROWS, ROWS)?.contiguous()?));
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

/// Candle's name of a type.
enum Stored {
    Float(DType),
    Blocks(GgmlDType),
}

fn stored(ty: WeightType) -> Stored {
    match ty {
        WeightType::F32 => Stored::Float(DType::F32),
        WeightType::F16 => Stored::Float(DType::F16),
        WeightType::BF16 => Stored::Float(DType::BF16),
        WeightType::Q4_0 => Stored::Blocks(GgmlDType::Q4_0),
        WeightType::Q4_1 => Stored::Blocks(GgmlDType::Q4_1),
        WeightType::Q5_0 => Stored::Blocks(GgmlDType::Q5_0),
        WeightType::Q5_1 => Stored::Blocks(GgmlDType::Q5_1),
        WeightType::Q8_0 => Stored::Blocks(GgmlDType::Q8_0),
        WeightType::Q2K => Stored::Blocks(GgmlDType::Q2K),
        WeightType::Q3K => Stored::Blocks(GgmlDType::Q3K),
        WeightType::Q4K => Stored::Blocks(GgmlDType::Q4K),
        WeightType::Q5K => Stored::Blocks(GgmlDType::Q5K),
        WeightType::Q6K => Stored::Blocks(GgmlDType::Q6K),
    }
}
