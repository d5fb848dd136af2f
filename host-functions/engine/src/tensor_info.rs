//! A tensor as a model's files store it, whichever format they have.

use std::ops::Range;

use realm_kernels::WeightType;

/// One stored tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    /// Outermost dimension first: a matrix is `[rows, columns]`.
    pub shape: Vec<usize>,
    pub weight_type: WeightType,
    /// Number of values.
    pub len: usize,
    /// Which of the model's weight files has it; 0 where there is one only.
    pub(crate) file: usize,
    /// Where the bytes lie in that file; checked against it when its header was read.
    pub(crate) range: Range<usize>,
}

impl TensorInfo {
    /// Bytes in the file.
    pub fn byte_len(&self) -> usize {
        self.range.len()
    }

    /// Values per row, the innermost dimension.
    pub fn row_len(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }
}

/// The name of a type, as GGUF writes it.
pub fn type_name(weight_type: WeightType) -> &'static str {
    match weight_type {
        WeightType::F32 => "F32",
        WeightType::F16 => "F16",
        WeightType::BF16 => "BF16",
        WeightType::Q4_0 => "Q4_0",
        WeightType::Q4_1 => "Q4_1",
        WeightType::Q5_0 => "Q5_0",
        WeightType::Q5_1 => "Q5_1",
        WeightType::Q8_0 => "Q8_0",
        WeightType::Q2K => "Q2_K",
        WeightType::Q3K => "Q3_K",
        WeightType::Q4K => "Q4_K",
        WeightType::Q5K => "Q5_K",
        WeightType::Q6K => "Q6_K",
    }
}
