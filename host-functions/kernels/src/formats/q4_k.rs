//! Q4K: superblocks of 256 four-bit values in eight sub-blocks of 32 with six-bit scales and minimums.
//!
//! File: `d: f16, dmin: f16, scales: [u8; 12], q: [u8; 128]`; each 32 bytes of `q` hold sub-block 2j
//! low and 2j + 1 high; value `d * scale * q - dmin * minimum`.
//! Packed: nibbles paired as in the file, `[pair of sub-blocks][group]`; 144 bytes a row, as in the file.

use super::panel::{PANEL_ROWS, Panel256};
use super::{Format, half, k_quant, prefetch};
use crate::memory::{Plain, stored};
use crate::simd::Simd;

/// A superblock of one row, as in a file.
#[derive(Clone, Copy)]
#[repr(C)]
struct Stored {
    d: [u8; 2],
    dmin: [u8; 2],
    scales: [u8; 12],
    q: [u8; 128],
}

// SAFETY: bytes only, 144 of them.
unsafe impl Plain for Stored {}

pub(crate) fn dequantize(row: &[u8], out: &mut [f32]) {
    for (block, out) in stored::<Stored>(row).iter().zip(out.as_chunks_mut::<256>().0) {
        let (scales, minimums) = k_quant::scales_and_minimums(&block.scales);
        for (i, out) in out.iter_mut().enumerate() {
            let (sub, byte) = (i / 32, block.q[i / 64 * 32 + i % 32]);
            let q = if sub % 2 == 0 { byte & 15 } else { byte >> 4 };
            *out = k_quant::value(half(block.d), half(block.dmin), scales[sub], minimums[sub], q);
        }
    }
}

/// Sixteen rows of a superblock.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block {
    scales: k_quant::PackedScales,
    /// f16 bits.
    d: [u16; 16],
    dmin: [u16; 16],
    /// `[pair of sub-blocks][group]`: sub-block 2j low, 2j + 1 high.
    quants: [[[u8; 64]; 8]; 4],
}

// SAFETY: integers only, 2,304 bytes without padding.
unsafe impl Plain for Block {}

pub(crate) struct Q4K;

impl Format for Q4K {
    type Block = Block;
    type Panel = Panel256;

    fn tiles(_rows: usize) -> usize {
        1
    }

    fn blocks(columns: usize) -> usize {
        columns / 256
    }

    fn pack(tile: &mut [Block], lane: usize, row: &[u8]) {
        for (block, source) in tile.iter_mut().zip(stored::<Stored>(row)) {
            block.d[lane] = u16::from_le_bytes(source.d);
            block.dmin[lane] = u16::from_le_bytes(source.dmin);
            k_quant::pack(&mut block.scales, lane, &source.scales);
            for (i, &q) in source.q.iter().enumerate() {
                block.quants[i / 32][i % 32 / 4][lane * 4 + i % 4] = q;
            }
        }
    }

    fn unpack(tile: &[Block], lane: usize, out: &mut [f32]) {
        for (block, out) in tile.iter().zip(out.as_chunks_mut::<256>().0) {
            let (scales, minimums) = k_quant::unpack(&block.scales, lane);
            let (d, dmin) = (half(block.d[lane].to_le_bytes()), half(block.dmin[lane].to_le_bytes()));
            for (i, out) in out.iter_mut().enumerate() {
                let (sub, byte) = (i / 32, block.quants[i / 64][i % 32 / 4][lane * 4 + i % 4]);
                let q = if sub % 2 == 0 { byte & 15 } else { byte >> 4 };
                *out = k_quant::value(d, dmin, scales[sub], minimums[sub], q);
            }
        }
    }

    #[inline(always)]
    fn dot<S: Simd, const M: usize, const N: usize>(
        s: S,
        tiles: [&[Block]; N],
        panels: &[Panel256],
        first: usize,
    ) -> [[S::F; M]; N] {
        let (low_mask, high_mask) = (s.splat_i32(0x0f0f_0f0f), s.splat_i32(0xf0f0_f0f0_u32 as i32));
        let mut total = [[s.splat(0.0); M]; N];
        let count = panels.len();
        let tiles = tiles.map(|tile| &tile[..count]);
        for (b, panel) in panels.iter().enumerate() {
            for n in 0..N {
                let block = &tiles[n][b];
                for line in &block.scales {
                    prefetch(line, M);
                }
                prefetch(&block.d, M);
                let scales = k_quant::scales(s, &block.scales);
                let mut scaled = [s.splat(0.0); M];
                for pair in 0..4 {
                    let mut low = [s.splat_i32(0); M];
                    let mut high = [s.splat_i32(0); M];
                    for g in 0..8 {
                        let group = &block.quants[pair][g];
                        let both = s.load_bytes(group);
                        prefetch(group, M);
                        let w_low = s.and(both, low_mask);
                        let w_high =
                            if S::HIGH_IN_PLACE { s.and(both, high_mask) } else { s.and(s.shr::<4>(both), low_mask) };
                        for m in 0..M {
                            let values = &panel.values[(first + m) % PANEL_ROWS];
                            low[m] = s.dot(low[m], w_low, s.splat_bytes(&values[pair * 16 + g]));
                            high[m] = s.dot(high[m], w_high, s.splat_bytes(&values[pair * 16 + 8 + g]));
                        }
                    }
                    // A high nibble left in place counts 16 times; the scale, a small integer,
                    // divides by 16 without rounding.
                    let high_scale = scales[pair * 2 + 1];
                    let high_scale = if S::HIGH_IN_PLACE { s.mul(high_scale, s.splat(1.0 / 16.0)) } else { high_scale };
                    for m in 0..M {
                        scaled[m] = s.fma(s.to_f32(low[m]), scales[pair * 2], scaled[m]);
                        scaled[m] = s.fma(s.to_f32(high[m]), high_scale, scaled[m]);
                    }
                }
                let minimums = k_quant::minimums(s, &block.scales);
                let (d, dmin) = (s.load_f16(&block.d), s.load_f16(&block.dmin));
                for m in 0..M {
                    let mut offset = s.splat_i32(0);
                    for (minimum, sums) in minimums.into_iter().zip(&panel.sums[(first + m) % PANEL_ROWS]) {
                        offset = s.dot_i16(offset, minimum, s.splat_pair(sums));
                    }
                    let scale = panel.scale[(first + m) % PANEL_ROWS];
                    total[n][m] = s.fma(scaled[m], s.mul(d, s.splat(scale)), total[n][m]);
                    total[n][m] = s.fma(s.to_f32(offset), s.mul(dmin, s.splat(-scale)), total[n][m]);
                }
            }
        }
        total
    }
}
