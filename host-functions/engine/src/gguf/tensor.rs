//! The tensor table: names, shapes, storage types, places.

use std::ops::Range;

use realm_kernels::WeightType;

use super::cursor::Cursor;
use super::error::GgufError;

/// The most dimensions a tensor can have.
const DIMS_MAX: u32 = 4;

/// The type of this number, or its name where it is known and not supported.
fn weight_type(number: u32) -> Result<WeightType, &'static str> {
    Ok(match number {
        0 => WeightType::F32,
        1 => WeightType::F16,
        2 => WeightType::Q4_0,
        3 => WeightType::Q4_1,
        6 => WeightType::Q5_0,
        7 => WeightType::Q5_1,
        8 => WeightType::Q8_0,
        10 => WeightType::Q2K,
        11 => WeightType::Q3K,
        12 => WeightType::Q4K,
        13 => WeightType::Q5K,
        14 => WeightType::Q6K,
        30 => WeightType::BF16,
        9 => return Err("Q8_1"),
        15 => return Err("Q8_K"),
        16 => return Err("IQ2_XXS"),
        17 => return Err("IQ2_XS"),
        18 => return Err("IQ3_XXS"),
        19 => return Err("IQ1_S"),
        20 => return Err("IQ4_NL"),
        21 => return Err("IQ3_S"),
        22 => return Err("IQ2_S"),
        23 => return Err("IQ4_XS"),
        24 => return Err("I8"),
        25 => return Err("I16"),
        26 => return Err("I32"),
        27 => return Err("I64"),
        28 => return Err("F64"),
        29 => return Err("IQ1_M"),
        34 => return Err("TQ1_0"),
        35 => return Err("TQ2_0"),
        39 => return Err("MXFP4"),
        _ => return Err("unknown"),
    })
}

/// The format's name for a type.
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

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    /// Outermost dimension first: a matrix is `[rows, columns]`. (The file stores it the other way round.)
    pub shape: Vec<usize>,
    pub weight_type: WeightType,
    /// Number of values.
    pub len: usize,
    /// Offset within the data section until the tensor is placed; only [`TensorInfo::place`] reads it.
    data_offset: u64,
    /// Where the bytes lie in the file.
    pub(super) range: Range<usize>,
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

    /// Reads entry `index` of `count`.
    pub(super) fn scan(cursor: &mut Cursor<'_>, index: u64, count: u64) -> Result<Self, GgufError> {
        let name = cursor.name(&|| format!("tensor {index} of {count}"))?;
        let what = || format!("tensor {name:?}");
        let dimension_count = cursor.u32(&what)?;
        if !(1..=DIMS_MAX).contains(&dimension_count) {
            return Err(GgufError::BadDimensionCount { tensor: name.to_owned(), count: dimension_count });
        }
        let mut dims = Vec::with_capacity(dimension_count as usize);
        for _ in 0..dimension_count {
            dims.push(cursor.u64(&what)?);
        }
        let number = cursor.u32(&what)?;
        let weight_type = weight_type(number).map_err(|type_name| GgufError::UnsupportedTensorType {
            tensor: name.to_owned(),
            number,
            name: type_name,
        })?;
        let data_offset = cursor.u64(&what)?;
        let (shape, len) = checked_shape(&dims)
            .ok_or_else(|| GgufError::BadDimensions { tensor: name.to_owned(), dims: dims.clone() })?;
        Ok(Self { name: name.to_owned(), shape, weight_type, len, data_offset, range: 0..0 })
    }

    /// Finds the bytes: the data section begins at `data_start`.
    pub(super) fn place(&mut self, data_start: usize, alignment: usize, file_bytes: usize) -> Result<(), GgufError> {
        let (block_len, block_bytes) = (self.weight_type.block_len(), self.weight_type.block_bytes());
        if !self.row_len().is_multiple_of(block_len) {
            return Err(GgufError::PartialBlock {
                tensor: self.name.clone(),
                tensor_type: type_name(self.weight_type),
                row_len: self.row_len(),
                block_len,
            });
        }
        if !self.data_offset.is_multiple_of(alignment as u64) {
            return Err(GgufError::Misaligned { tensor: self.name.clone(), offset: self.data_offset, alignment });
        }
        let bytes = (self.len / block_len) as u64 * block_bytes as u64;
        let start = (data_start as u64).checked_add(self.data_offset);
        let end = start.and_then(|start| start.checked_add(bytes));
        match (start, end) {
            (Some(start), Some(end)) if end <= file_bytes as u64 => {
                self.range = start as usize..end as usize;
                Ok(())
            }
            _ => Err(GgufError::TensorOutOfBounds {
                tensor: self.name.clone(),
                offset: start.unwrap_or(u64::MAX),
                bytes,
                file_bytes,
            }),
        }
    }
}

/// The shape, outermost dimension first, and the number of values; `None` where a dimension is zero or the product
/// leaves 2^56 (so that a byte count cannot overflow).
fn checked_shape(dims: &[u64]) -> Option<(Vec<usize>, usize)> {
    const LEN_MAX: u64 = 1 << 56;
    let len = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim).filter(|&p| p <= LEN_MAX))?;
    let shape: Option<Vec<usize>> = dims.iter().rev().map(|&dim| usize::try_from(dim).ok()).collect();
    if len == 0 { None } else { Some((shape?, usize::try_from(len).ok()?)) }
}
