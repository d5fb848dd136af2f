//! The weight formats: how a file stores a row, how sixteen rows are packed, and their dot product.
//!
//! A packed tile holds sixteen output rows. Along k, four consecutive values of each of the sixteen
//! rows lie side by side in 64 bytes (a *group*), so that one load feeds one multiply of sixteen rows
//! by four activations broadcast to all lanes. Quantised values, then scales, form one sequential
//! stream per tile:
//!
//! ```text
//!            byte 0..4      4..8             60..64
//! group 0   row 0 k 0..4   row 1 k 0..4  ..  row 15 k 0..4
//! group 1   row 0 k 4..8   row 1 k 4..8  ..  row 15 k 4..8
//! ```

pub(crate) mod float;
mod k_quant;
pub(crate) mod panel;
mod q2_k_q3_k;
pub(crate) mod q4_0;
pub(crate) mod q4_k;
mod q5;
pub(crate) mod q5_k;
pub(crate) mod q6_k;
pub(crate) mod q8_0;

use half::f16;

use crate::PackError;
use crate::memory::{self, Plain};
use crate::simd::Simd;
use crate::weight_type::WeightType;

pub(crate) use k_quant::MINIMUM_ORDER;
pub(crate) use q2_k_q3_k::q3_k_to_q6_k;
pub(crate) use q5::q5_0_to_q8_0;

/// A format that has a kernel.
pub(crate) trait Format: 'static {
    /// Sixteen rows by some columns of packed weights.
    type Block: Plain;
    /// Eight rows by some columns of activations.
    type Panel;
    /// Tiles that the kernel likes to take at once for `rows` rows of activations.
    fn tiles(rows: usize) -> usize;
    /// Blocks in a tile of `columns` columns.
    fn blocks(columns: usize) -> usize;
    /// Stores a row of a file as row `lane` of a tile. The tile was zero before its first row.
    fn pack(tile: &mut [Self::Block], lane: usize, row: &[u8]);
    /// Row `lane` of a tile, dequantised: the same values that the file's row has.
    fn unpack(tile: &[Self::Block], lane: usize, out: &mut [f32]);
    /// The dot products of `M` rows of activations, from row `first` of their panels on, with the
    /// sixteen rows of each of `N` tiles: `[tile][row]`, a lane per weight row.
    ///
    /// Blocks are added in order, so a sum does not depend on `M`, `first` or `N`.
    fn dot<S: Simd, const M: usize, const N: usize>(
        simd: S,
        tiles: [&[Self::Block]; N],
        panels: &[Self::Panel],
        first: usize,
    ) -> [[S::F; M]; N];
}

/// Asks for the weights that come after `line`: what is next into the first-level cache, and what is
/// far enough to cover the latency of DRAM into the second, which has room for it and more requests
/// under way. To be called for every cache line of a block, scales too, in the order of addresses.
///
/// The distances are those that measured best (`benches/matmul.rs`): several rows take longer over a line.
#[inline(always)]
pub(crate) fn prefetch<T>(line: &T, rows: usize) {
    let (next, far) = if rows < 4 { (512, 3072) } else { (1024, 4096) };
    let line = (&raw const *line).cast::<u8>();
    memory::prefetch::<1>(line.wrapping_add(next));
    memory::prefetch::<2>(line.wrapping_add(far));
}

/// Dequantises one row of a file.
///
/// Values are computed in f32 from the stored integers; only the last operation rounds.
///
/// # Errors
/// If `out` is not a whole number of blocks, or `row` has not exactly their bytes.
pub fn dequantize_row(ty: WeightType, row: &[u8], out: &mut [f32]) -> Result<(), PackError> {
    let (columns, block_len) = (out.len(), ty.block_len());
    let row_bytes = ty.row_bytes(columns).ok_or(PackError::Columns { ty, columns, block_len })?;
    if row.len() != row_bytes {
        return Err(PackError::Bytes { rows: 1, expected: row_bytes, actual: row.len() });
    }
    match ty {
        WeightType::F32 => float::dequantize_f32(row, out),
        WeightType::F16 => float::dequantize_f16(row, out),
        WeightType::BF16 => float::dequantize_bf16(row, out),
        WeightType::Q4_0 => q4_0::dequantize(row, out),
        WeightType::Q4_1 => q4_0::dequantize_q4_1(row, out),
        WeightType::Q5_0 => q5::dequantize_q5_0(row, out),
        WeightType::Q5_1 => q5::dequantize_q5_1(row, out),
        WeightType::Q8_0 => q8_0::dequantize(row, out),
        WeightType::Q2K => q2_k_q3_k::dequantize_q2_k(row, out),
        WeightType::Q3K => q2_k_q3_k::dequantize_q3_k(row, out),
        WeightType::Q4K => q4_k::dequantize(row, out),
        WeightType::Q5K => q5_k::dequantize(row, out),
        WeightType::Q6K => q6_k::dequantize(row, out),
    }
    Ok(())
}

/// A little-endian f16.
#[inline(always)]
fn half(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

/// A row of a type that has a minimum per block, as a row of F32.
pub(crate) fn to_f32(ty: WeightType, row: &[u8], columns: usize, out: &mut Vec<u8>) {
    let mut values = vec![0.0; columns];
    // The row's size has been checked by the matrix that is being packed.
    let sized = dequantize_row(ty, row, &mut values);
    debug_assert!(sized.is_ok());
    out.clear();
    out.extend(values.iter().flat_map(|x| x.to_le_bytes()));
}
