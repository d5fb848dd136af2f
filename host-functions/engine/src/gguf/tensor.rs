//! The tensor table: names, shapes, storage types, places.

use realm_kernels::WeightType;

use super::cursor::Cursor;
use super::error::GgufError;
use crate::tensor_info::{TensorInfo, type_name};

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

/// A tensor of the table whose bytes are not found yet.
pub(super) struct Entry {
    pub info: TensorInfo,
    /// Offset within the data section.
    data_offset: u64,
}

impl Entry {
    /// Reads entry `index` of `count`.
    pub fn scan(cursor: &mut Cursor<'_>, index: u64, count: u64) -> Result<Self, GgufError> {
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
        let info = TensorInfo { name: name.to_owned(), shape, weight_type, len, file: 0, range: 0..0 };
        Ok(Self { info, data_offset })
    }

    /// Finds the bytes: the data section begins at `data_start`.
    pub fn place(self, data_start: usize, alignment: usize, file_bytes: usize) -> Result<TensorInfo, GgufError> {
        let Self { mut info, data_offset } = self;
        let (block_len, block_bytes) = (info.weight_type.block_len(), info.weight_type.block_bytes());
        if !info.row_len().is_multiple_of(block_len) {
            return Err(GgufError::PartialBlock {
                tensor_type: type_name(info.weight_type),
                row_len: info.row_len(),
                block_len,
                tensor: info.name,
            });
        }
        if !data_offset.is_multiple_of(alignment as u64) {
            return Err(GgufError::Misaligned { tensor: info.name, offset: data_offset, alignment });
        }
        let bytes = (info.len / block_len) as u64 * block_bytes as u64;
        let start = (data_start as u64).checked_add(data_offset);
        let end = start.and_then(|start| start.checked_add(bytes));
        match (start, end) {
            (Some(start), Some(end)) if end <= file_bytes as u64 => {
                info.range = start as usize..end as usize;
                Ok(info)
            }
            _ => Err(GgufError::TensorOutOfBounds {
                tensor: info.name,
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
