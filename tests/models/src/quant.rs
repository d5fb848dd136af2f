//! How a weight matrix is stored in the file.

use half::{bf16, f16};

/// Values per block of the quantised types.
const BLOCK_LEN: usize = 32;

/// The storage type of the weight matrices. Norms are always f32, and so is a matrix whose rows are no whole number of
/// blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names of the format")]
pub enum Quant {
    /// 32-bit floats, as generated.
    #[default]
    F32,
    /// 16-bit floats, rounded to nearest.
    F16,
    /// The upper half of f32, rounded to nearest.
    BF16,
    /// 32 values in 8 bits each and one f16 scale.
    Q8_0,
    /// 32 values in 4 bits each and one f16 scale.
    Q4_0,
}

impl Quant {
    /// The type's number in a GGUF tensor table.
    pub fn gguf_type(self) -> u32 {
        match self {
            Quant::F32 => 0,
            Quant::F16 => 1,
            Quant::BF16 => 30,
            Quant::Q8_0 => 8,
            Quant::Q4_0 => 2,
        }
    }

    /// The number of `general.file_type`.
    pub fn gguf_file_type(self) -> u32 {
        match self {
            Quant::F32 => 0,
            Quant::F16 => 1,
            Quant::BF16 => 32,
            Quant::Q8_0 => 7,
            Quant::Q4_0 => 2,
        }
    }

    /// The type that rows of `row_len` values get when this one is asked for.
    pub fn for_rows(self, row_len: usize) -> Quant {
        match self {
            Quant::Q8_0 | Quant::Q4_0 if !row_len.is_multiple_of(BLOCK_LEN) => Quant::F32,
            other => other,
        }
    }

    /// The stored bytes of `values`, whose count is a whole number of blocks (see [`Quant::for_rows`]).
    pub fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Quant::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Quant::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
            Quant::BF16 => values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
            Quant::Q8_0 => values.chunks(BLOCK_LEN).flat_map(q8_0_block).collect(),
            Quant::Q4_0 => values.chunks(BLOCK_LEN).flat_map(q4_0_block).collect(),
        }
    }
}

/// Scale = largest magnitude / 127; quants are rounded quotients.
fn q8_0_block(values: &[f32]) -> Vec<u8> {
    let largest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
    let scale = largest / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let quants = values.iter().map(|v| (v * inverse).round().clamp(-127.0, 127.0) as i8 as u8);
    f16::from_f32(scale).to_le_bytes().into_iter().chain(quants).collect()
}

/// Scale = the value of largest magnitude / -8; low nibbles hold the first half of the block, high ones the second.
fn q4_0_block(values: &[f32]) -> Vec<u8> {
    let largest = values.iter().fold(0f32, |m, v| if v.abs() > m.abs() { *v } else { m });
    let scale = largest / -8.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let quant = |v: f32| (v * inverse + 8.5).clamp(0.0, 15.0) as u8;
    let half_len = values.len() / 2;
    let (low, high) = values.split_at(half_len);
    let quants = low.iter().zip(high).map(|(&l, &h)| quant(l) | quant(h) << 4);
    f16::from_f32(scale).to_le_bytes().into_iter().chain(quants).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_sizes_of_the_format() {
        let values: Vec<f32> = (0..64).map(|i| i as f32 / 10.0 - 3.0).collect();
        let check = |quant: Quant, bytes: usize| assert_eq!(quant.encode(&values).len(), bytes, "{quant:?}");
        check(Quant::F32, 256);
        check(Quant::F16, 128);
        check(Quant::BF16, 128);
        check(Quant::Q8_0, 68);
        check(Quant::Q4_0, 36);
    }
}
