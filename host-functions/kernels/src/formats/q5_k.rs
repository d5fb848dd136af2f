//! Q5K: superblocks of 256 five-bit values in eight sub-blocks of 32 with six-bit scales and minimums.
//!
//! File: `d: f16, dmin: f16, scales: [u8; 12], high: [u8; 32], q: [u8; 128]`; as Q4K, with bit j of
//! `high[i]` the fifth bit of value i of sub-block j; value `d * scale * q - dmin * minimum`.
//! Packed: nibbles and fifth bits as in the file, in groups; 176 bytes a row, as in the file.

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
    high: [u8; 32],
    q: [u8; 128],
}

// SAFETY: bytes only, 176 of them.
unsafe impl Plain for Stored {}

pub(crate) fn dequantize(row: &[u8], out: &mut [f32]) {
    for (block, out) in stored::<Stored>(row).iter().zip(out.as_chunks_mut::<256>().0) {
        let (scales, minimums) = k_quant::scales_and_minimums(&block.scales);
        for (i, out) in out.iter_mut().enumerate() {
            let (sub, byte) = (i / 32, block.q[i / 64 * 32 + i % 32]);
            let q = fifth(byte, block.high[i % 32], sub);
            *out = k_quant::value(half(block.d), half(block.dmin), scales[sub], minimums[sub], q);
        }
    }
}

/// A value of sub-block `sub` from its byte of nibbles and its byte of fifth bits.
fn fifth(nibbles: u8, high: u8, sub: usize) -> u8 {
    (if sub.is_multiple_of(2) { nibbles & 15 } else { nibbles >> 4 }) | (high >> sub & 1) << 4
}

/// Sixteen rows of a superblock.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block {
    scales: k_quant::PackedScales,
    /// f16 bits.
    d: [u16; 16],
    dmin: [u16; 16],
    /// `[group]`: bit j is the fifth bit in sub-block j.
    high: [[u8; 64]; 8],
    /// `[pair of sub-blocks][group]`: sub-block 2j low, 2j + 1 high.
    quants: [[[u8; 64]; 8]; 4],
}

// SAFETY: integers only, 2,816 bytes without padding.
unsafe impl Plain for Block {}

pub(crate) struct Q5K;

impl Format for Q5K {
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
            for (i, &high) in source.high.iter().enumerate() {
                block.high[i / 4][lane * 4 + i % 4] = high;
            }
        }
    }

    fn unpack(tile: &[Block], lane: usize, out: &mut [f32]) {
        for (block, out) in tile.iter().zip(out.as_chunks_mut::<256>().0) {
            let (scales, minimums) = k_quant::unpack(&block.scales, lane);
            let (d, dmin) = (half(block.d[lane].to_le_bytes()), half(block.dmin[lane].to_le_bytes()));
            for (i, out) in out.iter_mut().enumerate() {
                let (sub, group, byte) = (i / 32, i % 32 / 4, lane * 4 + i % 4);
                let q = fifth(block.quants[i / 64][group][byte], block.high[group][byte], sub);
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
        let mut total = [[s.splat(0.0); M]; N];
        let count = panels.len();
        let tiles = tiles.map(|tile| &tile[..count]);
        for (b, panel) in panels.iter().enumerate() {
            for n in 0..N {
                let block = &tiles[n][b];
                for line in block.scales.iter().chain(&block.high) {
                    prefetch(line, M);
                }
                prefetch(&block.d, M);
                let scales = k_quant::scales(s, &block.scales);
                let mut scaled = [s.splat(0.0); M];
                scaled = pair::<S, M, 0>(s, block, panel, first, [scales[0], scales[1]], scaled);
                scaled = pair::<S, M, 1>(s, block, panel, first, [scales[2], scales[3]], scaled);
                scaled = pair::<S, M, 2>(s, block, panel, first, [scales[4], scales[5]], scaled);
                scaled = pair::<S, M, 3>(s, block, panel, first, [scales[6], scales[7]], scaled);
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

/// Adds sub-blocks 2 * PAIR and 2 * PAIR + 1, times their scales, to `scaled`.
#[inline(always)]
fn pair<S: Simd, const M: usize, const PAIR: usize>(
    s: S,
    block: &Block,
    panel: &Panel256,
    first: usize,
    scales: [S::F; 2],
    mut scaled: [S::F; M],
) -> [S::F; M] {
    let (mask, bit) = (s.splat_i32(0x0f0f_0f0f), s.splat_i32(0x1010_1010));
    let mut low = [s.splat_i32(0); M];
    let mut high = [s.splat_i32(0); M];
    for g in 0..8 {
        let group = &block.quants[PAIR][g];
        let both = s.load_bytes(group);
        prefetch(group, M);
        // Bits 2 * PAIR and 2 * PAIR + 1 of each byte, moved to bit 4.
        let bits = s.load_bytes(&block.high[g]);
        let (low_bits, high_bits) = match PAIR {
            0 => (s.shl::<4>(bits), s.shl::<3>(bits)),
            1 => (s.shl::<2>(bits), s.shl::<1>(bits)),
            2 => (bits, s.shr::<1>(bits)),
            _ => (s.shr::<2>(bits), s.shr::<3>(bits)),
        };
        let w_low = s.or_and(s.and(both, mask), low_bits, bit);
        let w_high = s.or_and(s.and(s.shr::<4>(both), mask), high_bits, bit);
        for m in 0..M {
            let values = &panel.values[(first + m) % PANEL_ROWS];
            low[m] = s.dot(low[m], w_low, s.splat_bytes(&values[PAIR * 16 + g]));
            high[m] = s.dot(high[m], w_high, s.splat_bytes(&values[PAIR * 16 + 8 + g]));
        }
    }
    for m in 0..M {
        scaled[m] = s.fma(s.to_f32(low[m]), scales[0], scaled[m]);
        scaled[m] = s.fma(s.to_f32(high[m]), scales[1], scaled[m]);
    }
    scaled
}
