//! A look at a tensor's floats before it is used: one NaN would make every answer NaN, without a word.

use half::{bf16, f16};
use realm_kernels::WeightType;

/// A weight, or the scale of a block of weights, is infinite or not a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tensor {tensor:?} has a weight or scale that is not finite, in its block {block}")]
pub struct NotFinite {
    pub tensor: String,
    /// Counted in blocks of the tensor's type; for whole floats, in values.
    pub block: usize,
}

/// Checks every float of a tensor; of quantised types, the scales.
///
/// # Errors
/// The first block that is not finite.
pub fn finite(tensor: &str, weight_type: WeightType, bytes: &[u8]) -> Result<(), NotFinite> {
    let bad = match weight_type {
        WeightType::F32 => bytes.as_chunks().0.iter().position(|b| !f32::from_le_bytes(*b).is_finite()),
        WeightType::BF16 => bytes.as_chunks().0.iter().position(|b| !bf16::from_le_bytes(*b).is_finite()),
        WeightType::F16 => bytes.as_chunks().0.iter().position(|b| !f16::from_le_bytes(*b).is_finite()),
        quantised => {
            let scales = scale_offsets(quantised);
            let finite = |block: &[u8], at: usize| {
                block.get(at..).and_then(|b| b.first_chunk()).is_none_or(|b| f16::from_le_bytes(*b).is_finite())
            };
            let mut blocks = bytes.chunks_exact(quantised.block_bytes());
            blocks.position(|block| !scales.iter().all(|&at| finite(block, at)))
        }
    };
    match bad {
        None => Ok(()),
        Some(block) => Err(NotFinite { tensor: tensor.to_owned(), block }),
    }
}

/// Where a block's f16 scales lie.
fn scale_offsets(weight_type: WeightType) -> &'static [usize] {
    match weight_type {
        WeightType::F32 | WeightType::F16 | WeightType::BF16 => &[],
        WeightType::Q4_0 | WeightType::Q5_0 | WeightType::Q8_0 => &[0],
        WeightType::Q4_1 | WeightType::Q5_1 | WeightType::Q4K | WeightType::Q5K => &[0, 2],
        WeightType::Q2K => &[80, 82],
        WeightType::Q3K => &[108],
        WeightType::Q6K => &[208],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_that_is_not_finite_is_named() {
        let check = |weight_type: WeightType, at: usize, value: [u8; 2], expected: Option<usize>| {
            let mut bytes = vec![0; 4 * weight_type.block_bytes()];
            bytes[at..at + 2].copy_from_slice(&value);
            let found = finite("t", weight_type, &bytes).err().map(|error| error.block);
            assert_eq!(found, expected, "{weight_type:?}");
        };
        let (nan, infinity, one) = ([0x00, 0x7e], [0x00, 0x7c], [0x00, 0x3c]);
        check(WeightType::Q8_0, 34, nan, Some(1));
        check(WeightType::Q8_0, 34, one, None);
        check(WeightType::Q8_0, 36, nan, None); // quants, not a scale
        check(WeightType::Q4K, 2 * 144 + 2, infinity, Some(2));
        check(WeightType::Q6K, 208, nan, Some(0));
        check(WeightType::Q3K, 3 * 110 + 108, nan, Some(3));
        check(WeightType::F16, 6, nan, Some(3));
        check(WeightType::F32, 2, [0xc0, 0x7f], Some(0));
        check(WeightType::BF16, 2, [0xc0, 0x7f], Some(1));
    }
}
