//! Q8_0: blocks of 32 signed bytes under one f16 scale.
//!
//! File: `d: f16, q: [i8; 32]`, value `d * q`.
//! Packed: the bytes with their top bit flipped (unsigned, 128 too much), as the wide multiply
//! wants them. Two blocks make one packed block, so that every load is of one cache line.

use super::panel::{PANEL_ROWS, Panel32};
use super::{Format, half, prefetch};
use crate::memory::Plain;
use crate::simd::Simd;

const BLOCK_BYTES: usize = 34;

pub(crate) fn dequantize(row: &[u8], out: &mut [f32]) {
    for (block, out) in row.as_chunks::<BLOCK_BYTES>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = half([block[0], block[1]]);
        for (out, &q) in out.iter_mut().zip(&block[2..]) {
            *out = scale * f32::from(q as i8);
        }
    }
}

/// Sixteen rows of two blocks.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block {
    /// `[block][group]`: see the module above.
    quants: [[[u8; 64]; 8]; 2],
    /// f16 bits.
    scales: [[u16; 16]; 2],
}

// SAFETY: integers only, 1,088 bytes without padding.
unsafe impl Plain for Block {}

pub(crate) struct Q8_0;

impl Format for Q8_0 {
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
                block.quants[half][i / 4][lane * 4 + i % 4] = q ^ 0x80;
            }
        }
    }

    fn unpack(tile: &[Block], lane: usize, out: &mut [f32]) {
        for (index, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (block, half_index) = (&tile[index / 2], index % 2);
            let scale = half(block.scales[half_index][lane].to_le_bytes());
            for (i, out) in out.iter_mut().enumerate() {
                *out = scale * f32::from((block.quants[half_index][i / 4][lane * 4 + i % 4] ^ 0x80) as i8);
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
        let mut total = [[s.splat(0.0); M]; N];
        let (panels, _) = panels.as_chunks::<2>();
        let count = panels.len();
        let tiles = tiles.map(|tile| &tile[..count]);
        for (b, pair) in panels.iter().enumerate() {
            for n in 0..N {
                prefetch(&tiles[n][b].scales, M);
            }
            for (h, panel) in pair.iter().enumerate() {
                let mut sum = [[s.splat_i32(0); M]; N];
                if S::BIASED {
                    for m in 0..M {
                        let bias = s.splat_i32(panel.rows[(first + m) % PANEL_ROWS].bias_128);
                        for n in 0..N {
                            sum[n][m] = bias;
                        }
                    }
                }
                for g in 0..8 {
                    let mut w = [s.splat_i32(0); N];
                    for n in 0..N {
                        let group = &tiles[n][b].quants[h][g];
                        w[n] = s.load_bytes(group);
                        prefetch(group, M);
                    }
                    for m in 0..M {
                        let a = s.splat_bytes(&panel.rows[(first + m) % PANEL_ROWS].values[g]);
                        for n in 0..N {
                            sum[n][m] = s.dot_biased(sum[n][m], w[n], a);
                        }
                    }
                }
                for n in 0..N {
                    let scale = s.load_f16(&tiles[n][b].scales[h]);
                    for m in 0..M {
                        let scale = s.mul(scale, s.splat(panel.rows[(first + m) % PANEL_ROWS].scale));
                        total[n][m] = s.fma(s.to_f32(sum[n][m]), scale, total[n][m]);
                    }
                }
            }
        }
        total
    }
}
