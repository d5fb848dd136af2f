//! Q6K: superblocks of 256 six-bit values, offset by 32, in sixteen sub-blocks of 16 with i8 scales.
//!
//! File: `low: [u8; 128], high: [u8; 64], scales: [i8; 16], d: f16`, value `d * scale * (q - 32)`.
//! Packed, for each pair of sub-blocks: four groups of low nibbles (sub-block 2j low, 2j + 1 high),
//! and two lines of the upper bits, each holding four groups' pairs of bits:
//!
//! ```text
//! bits    0..2       2..4        4..6       6..8
//! line 0  low, g 0   high, g 0   low, g 1   high, g 1
//! line 1  low, g 2   high, g 2   low, g 3   high, g 3
//! ```

use super::panel::{PANEL_ROWS, Panel256};
use super::{Format, half, prefetch};
use crate::memory::{Plain, stored};
use crate::simd::Simd;

/// A superblock of one row, as in a file.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Stored {
    pub low: [u8; 128],
    pub high: [u8; 64],
    pub scales: [u8; 16],
    pub d: [u8; 2],
}

// SAFETY: bytes only, 210 of them.
unsafe impl Plain for Stored {}

/// Where value `i` of a superblock lies in a file: byte and nibble of `low`, byte and bits of `high`.
pub(super) struct Place {
    pub low: usize,
    pub low_shift: u32,
    pub high: usize,
    pub high_shift: u32,
}

pub(super) fn place(i: usize) -> Place {
    let (half, quarter, byte) = (i / 128, i % 128 / 32, i % 32);
    Place {
        low: half * 64 + quarter % 2 * 32 + byte,
        low_shift: if quarter < 2 { 0 } else { 4 },
        high: half * 32 + byte,
        high_shift: 2 * quarter as u32,
    }
}

/// The 256 unsigned six-bit values of a superblock.
fn values(block: &Stored) -> [u8; 256] {
    std::array::from_fn(|i| {
        let at = place(i);
        (block.low[at.low] >> at.low_shift & 15) | (block.high[at.high] >> at.high_shift & 3) << 4
    })
}

fn value(d: f32, scale: u8, q: u8) -> f32 {
    d * f32::from(scale as i8) * (f32::from(q) - 32.0)
}

pub(crate) fn dequantize(row: &[u8], out: &mut [f32]) {
    for (block, out) in stored::<Stored>(row).iter().zip(out.as_chunks_mut::<256>().0) {
        for ((i, out), q) in out.iter_mut().enumerate().zip(values(block)) {
            *out = value(half(block.d), block.scales[i / 16], q);
        }
    }
}

/// Sixteen rows of a superblock.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block {
    /// `[word][row * 4 + byte]`: the scale of sub-block `word * 4 + byte`, an i8.
    scales: [[u8; 64]; 4],
    /// f16 bits.
    d: [u16; 16],
    /// Keeps every line of the next block aligned.
    unused: [u8; 32],
    pairs: [Pair; 8],
}

/// Sixteen rows of two sub-blocks.
#[derive(Clone, Copy)]
#[repr(C)]
struct Pair {
    /// `[group]`: the lower four bits.
    low: [[u8; 64]; 4],
    /// `[line]`: the upper two bits.
    high: [[u8; 64]; 2],
}

// SAFETY: integers only, 3,392 bytes without padding.
unsafe impl Plain for Block {}

pub(crate) struct Q6K;

impl Format for Q6K {
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
            for (i, &scale) in source.scales.iter().enumerate() {
                block.scales[i / 4][lane * 4 + i % 4] = scale;
            }
            for (i, q) in values(source).into_iter().enumerate() {
                let (pair, odd, group, byte) = (i / 32, i / 16 % 2, i % 16 / 4, lane * 4 + i % 4);
                block.pairs[pair].low[group][byte] |= (q & 15) << (4 * odd);
                block.pairs[pair].high[group / 2][byte] |= q >> 4 << (4 * (group % 2) + 2 * odd);
            }
        }
    }

    fn unpack(tile: &[Block], lane: usize, out: &mut [f32]) {
        for (block, out) in tile.iter().zip(out.as_chunks_mut::<256>().0) {
            let d = half(block.d[lane].to_le_bytes());
            for (i, out) in out.iter_mut().enumerate() {
                let (pair, odd, group, byte) = (i / 32, i / 16 % 2, i % 16 / 4, lane * 4 + i % 4);
                let low = block.pairs[pair].low[group][byte] >> (4 * odd) & 15;
                let high = block.pairs[pair].high[group / 2][byte] >> (4 * (group % 2) + 2 * odd) & 3;
                *out = value(d, block.scales[i / 64][lane * 4 + i / 16 % 4], low | high << 4);
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
                for line in &block.scales {
                    prefetch(line, M);
                }
                prefetch(&block.d, M);
                let mut scaled = [s.splat(0.0); M];
                for word in 0..4 {
                    scaled = pair::<S, M, 0>(s, block, panel, first, word, scaled);
                    scaled = pair::<S, M, 1>(s, block, panel, first, word, scaled);
                }
                let d = s.load_f16(&block.d);
                for m in 0..M {
                    let scale = s.mul(d, s.splat(panel.scale[(first + m) % PANEL_ROWS]));
                    total[n][m] = s.fma(scaled[m], scale, total[n][m]);
                }
            }
        }
        total
    }
}

/// Adds pair `2 * word + ODD` of sub-blocks, times their scales (two bytes of a word), to `scaled`.
#[inline(always)]
fn pair<S: Simd, const M: usize, const ODD: usize>(
    s: S,
    block: &Block,
    panel: &Panel256,
    first: usize,
    word: usize,
    mut scaled: [S::F; M],
) -> [S::F; M] {
    let (mask, bits) = (s.splat_i32(0x0f0f_0f0f), s.splat_i32(0x3030_3030));
    let pair = word * 2 + ODD;
    let mut low = [s.splat_i32(0); M];
    let mut high = [s.splat_i32(0); M];
    for m in 0..M {
        let bias = &panel.bias_32[(first + m) % PANEL_ROWS];
        low[m] = s.splat_i32(bias[pair * 2]);
        high[m] = s.splat_i32(bias[pair * 2 + 1]);
    }
    for g in 0..4 {
        let (group, upper) = (&block.pairs[pair].low[g], &block.pairs[pair].high[g / 2]);
        let (both, upper_bits) = (s.load_bytes(group), s.load_bytes(upper));
        prefetch(group, M);
        if g % 2 == 0 {
            prefetch(upper, M);
        }
        let (upper_low, upper_high) = if g % 2 == 0 {
            (s.shl::<4>(upper_bits), s.shl::<2>(upper_bits))
        } else {
            (upper_bits, s.shr::<2>(upper_bits))
        };
        let w_low = s.or_and(s.and(both, mask), upper_low, bits);
        let w_high = s.or_and(s.and(s.shr::<4>(both), mask), upper_high, bits);
        for m in 0..M {
            let values = &panel.values[(first + m) % PANEL_ROWS];
            low[m] = s.dot(low[m], w_low, s.splat_bytes(&values[pair * 8 + g]));
            high[m] = s.dot(high[m], w_high, s.splat_bytes(&values[pair * 8 + 4 + g]));
        }
    }
    let scales = s.load_bytes(&block.scales[word]);
    let (low_scale, high_scale) =
        if ODD == 0 { (s.shl::<24>(scales), s.shl::<16>(scales)) } else { (s.shl::<8>(scales), scales) };
    let (low_scale, high_scale) = (s.to_f32(s.sar::<24>(low_scale)), s.to_f32(s.sar::<24>(high_scale)));
    for m in 0..M {
        scaled[m] = s.fma(s.to_f32(low[m]), low_scale, scaled[m]);
        scaled[m] = s.fma(s.to_f32(high[m]), high_scale, scaled[m]);
    }
    scaled
}
