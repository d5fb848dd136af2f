//! Q4_0: blocks of 32 four-bit values, offset by 8, under one f16 scale. (And Q4_1, to dequantise.)
//!
//! File: `d: f16, q: [u8; 16]`; byte i holds value i low and value i + 16 high; value `d * (q - 8)`.
//! Packed: byte order as in the file, so group g holds values 4g.. low and 4g + 16.. high. Two
//! blocks make one packed block, so that every load is of one cache line.

use super::panel::{PANEL_ROWS, Panel32};
use super::{Format, half, prefetch};
use crate::memory::Plain;
use crate::simd::Simd;

const BLOCK_BYTES: usize = 18;

pub(crate) fn dequantize(row: &[u8], out: &mut [f32]) {
    for (block, out) in row.as_chunks::<BLOCK_BYTES>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = half([block[0], block[1]]);
        for (i, &q) in block[2..].iter().enumerate() {
            out[i] = scale * (f32::from(q & 15) - 8.0);
            out[i + 16] = scale * (f32::from(q >> 4) - 8.0);
        }
    }
}

/// File: `d: f16, m: f16, q: [u8; 16]`, value `d * q + m`.
pub(crate) fn dequantize_q4_1(row: &[u8], out: &mut [f32]) {
    for (block, out) in row.as_chunks::<20>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let (scale, minimum) = (half([block[0], block[1]]), half([block[2], block[3]]));
        for (i, &q) in block[4..].iter().enumerate() {
            out[i] = scale * f32::from(q & 15) + minimum;
            out[i + 16] = scale * f32::from(q >> 4) + minimum;
        }
    }
}

/// Sixteen rows of two blocks.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block {
    /// `[block][group]`: see the module above.
    quants: [[[u8; 64]; 4]; 2],
    /// f16 bits.
    scales: [[u16; 16]; 2],
}

// SAFETY: integers only, 576 bytes without padding.
unsafe impl Plain for Block {}

pub(crate) struct Q4_0;

impl Format for Q4_0 {
    type Block = Block;
    type Panel = Panel32;

    fn tiles(rows: usize) -> usize {
        // One row waits for memory, which is read fastest as one stream.
        if rows == 1 { 1 } else { 2 }
    }

    fn blocks(columns: usize) -> usize {
        columns.div_ceil(64)
    }

    fn pack(tile: &mut [Block], lane: usize, row: &[u8]) {
        for (index, source) in row.as_chunks::<BLOCK_BYTES>().0.iter().enumerate() {
            let (block, half) = (&mut tile[index / 2], index % 2);
            block.scales[half][lane] = u16::from_le_bytes([source[0], source[1]]);
            for (i, &q) in source[2..].iter().enumerate() {
                block.quants[half][i / 4][lane * 4 + i % 4] = q;
            }
        }
    }

    fn unpack(tile: &[Block], lane: usize, out: &mut [f32]) {
        for (index, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (block, half_index) = (&tile[index / 2], index % 2);
            let scale = half(block.scales[half_index][lane].to_le_bytes());
            for i in 0..16 {
                let q = block.quants[half_index][i / 4][lane * 4 + i % 4];
                out[i] = scale * (f32::from(q & 15) - 8.0);
                out[i + 16] = scale * (f32::from(q >> 4) - 8.0);
            }
        }
    }

    #[inline(always)]
    fn dot<S: Simd, const M: usize, const N: usize>(
        s: S,
        tiles: [&[Block]; N],
        panels: &[Panel32],
        first: usize,
    ) -> [[S::F; M]; N] {
        // With few rows, high nibbles stay where they are and have a sum of their own, 16 times too large: fewer operations,
        // and twice the chains of them. With many, the registers are needed for rows.
        let in_place = S::HIGH_IN_PLACE && M < 4;
        let (low_mask, high_mask) = (s.splat_i32(0x0f0f_0f0f), s.splat_i32(0xf0f0_f0f0_u32 as i32));
        let mut total = [[s.splat(0.0); M]; N];
        let (panels, _) = panels.as_chunks::<2>();
        let count = panels.len();
        let tiles = tiles.map(|tile| &tile[..count]);
        for (b, pair) in panels.iter().enumerate() {
            for n in 0..N {
                prefetch(&tiles[n][b].scales, M);
            }
            for (h, panel) in pair.iter().enumerate() {
                let mut low = [[s.splat_i32(0); M]; N];
                let mut high = [[s.splat_i32(0); M]; N];
                for m in 0..M {
                    let bias = s.splat_i32(panel.rows[(first + m) % PANEL_ROWS].bias_8);
                    for n in 0..N {
                        low[n][m] = bias;
                    }
                }
                for g in 0..4 {
                    let mut w_low = [s.splat_i32(0); N];
                    let mut w_high = [s.splat_i32(0); N];
                    for n in 0..N {
                        let group = &tiles[n][b].quants[h][g];
                        let both = s.load_bytes(group);
                        prefetch(group, M);
                        w_low[n] = s.and(both, low_mask);
                        w_high[n] = if in_place { s.and(both, high_mask) } else { s.and(s.shr::<4>(both), low_mask) };
                    }
                    for m in 0..M {
                        let values = &panel.rows[(first + m) % PANEL_ROWS].values;
                        let (a_low, a_high) = (s.splat_bytes(&values[g]), s.splat_bytes(&values[g + 4]));
                        for n in 0..N {
                            low[n][m] = s.dot(low[n][m], w_low[n], a_low);
                            if in_place {
                                high[n][m] = s.dot(high[n][m], w_high[n], a_high);
                            } else {
                                low[n][m] = s.dot(low[n][m], w_high[n], a_high);
                            }
                        }
                    }
                }
                for n in 0..N {
                    let scale = s.load_f16(&tiles[n][b].scales[h]);
                    for m in 0..M {
                        let high = if in_place { s.sar::<4>(high[n][m]) } else { high[n][m] };
                        let sum = s.add_i32(low[n][m], high);
                        let scale = s.mul(scale, s.splat(panel.rows[(first + m) % PANEL_ROWS].scale));
                        total[n][m] = s.fma(s.to_f32(sum), scale, total[n][m]);
                    }
                }
            }
        }
        total
    }
}
