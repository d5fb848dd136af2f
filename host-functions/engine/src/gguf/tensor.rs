//! The tensor table: names, shapes, storage types, places.

use std::ops::Range;

use super::cursor::Cursor;
use super::error::GgufError;

/// The most dimensions a tensor can have.
const DIMS_MAX: u32 = 4;

/// How values are stored. The numbers are the format's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types, reason = "the names of the format")]
pub enum TensorType {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
}

impl TensorType {
    /// The type of this number, or its name where it is known and not supported.
    fn from_number(number: u32) -> Result<Self, &'static str> {
        Ok(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2_K,
            11 => Self::Q3_K,
            12 => Self::Q4_K,
            13 => Self::Q5_K,
            14 => Self::Q6_K,
            30 => Self::BF16,
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

    /// The format's name for the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2_K => "Q2_K",
            Self::Q3_K => "Q3_K",
            Self::Q4_K => "Q4_K",
            Self::Q5_K => "Q5_K",
            Self::Q6_K => "Q6_K",
        }
    }

    /// Values per block; a row is a whole number of blocks.
    pub fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => 32,
            Self::Q2_K | Self::Q3_K | Self::Q4_K | Self::Q5_K | Self::Q6_K => 256,
        }
    }

    /// Bytes per block.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2_K => 84,
            Self::Q3_K => 110,
            Self::Q4_K => 144,
            Self::Q5_K => 176,
            Self::Q6_K => 210,
        }
    }
}

/// One tensor of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    /// Outermost dimension first: a matrix is `[rows, columns]`. (The file stores it the other way round.)
    pub shape: Vec<usize>,
    pub tensor_type: TensorType,
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
        let tensor_type = TensorType::from_number(number).map_err(|type_name| GgufError::UnsupportedTensorType {
            tensor: name.to_owned(),
            number,
            name: type_name,
        })?;
        let data_offset = cursor.u64(&what)?;
        let (shape, len) = checked_shape(&dims)
            .ok_or_else(|| GgufError::BadDimensions { tensor: name.to_owned(), dims: dims.clone() })?;
        Ok(Self { name: name.to_owned(), shape, tensor_type, len, data_offset, range: 0..0 })
    }

    /// Finds the bytes: the data section begins at `data_start`.
    pub(super) fn place(&mut self, data_start: usize, alignment: usize, file_bytes: usize) -> Result<(), GgufError> {
        let (block_len, block_bytes) = (self.tensor_type.block_len(), self.tensor_type.block_bytes());
        if !self.row_len().is_multiple_of(block_len) {
            return Err(GgufError::PartialBlock {
                tensor: self.name.clone(),
                tensor_type: self.tensor_type.name(),
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
