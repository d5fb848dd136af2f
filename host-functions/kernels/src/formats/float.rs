//! F32, F16 and BF16: a column of sixteen rows side by side, multiplied in f32.

use half::{bf16, f16};

use super::panel::{PANEL_ROWS, PanelF32};
use super::{Format, prefetch};
use crate::memory::Plain;
use crate::simd::Simd;

pub(crate) fn dequantize_f32(row: &[u8], out: &mut [f32]) {
    for (bytes, out) in row.as_chunks::<4>().0.iter().zip(out) {
        *out = f32::from_le_bytes(*bytes);
    }
}

pub(crate) fn dequantize_f16(row: &[u8], out: &mut [f32]) {
    for (bytes, out) in row.as_chunks::<2>().0.iter().zip(out) {
        *out = f16::from_le_bytes(*bytes).to_f32();
    }
}

pub(crate) fn dequantize_bf16(row: &[u8], out: &mut [f32]) {
    for (bytes, out) in row.as_chunks::<2>().0.iter().zip(out) {
        *out = bf16::from_le_bytes(*bytes).to_f32();
    }
}

/// How one weight is stored and read.
pub(crate) trait Element: Plain + Default {
    /// The element that a file's bytes hold.
    fn store(source: &[u8]) -> impl Iterator<Item = Self>;
    fn widen(self) -> f32;
    fn load<S: Simd>(simd: S, column: &[Self; 16]) -> S::F;
}

/// f16 bits.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub(crate) struct Half(u16);

/// bf16 bits.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub(crate) struct Brain(u16);

// SAFETY: an integer.
unsafe impl Plain for Half {}
// SAFETY: an integer.
unsafe impl Plain for Brain {}

impl Element for f32 {
    fn store(source: &[u8]) -> impl Iterator<Item = f32> {
        source.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }
    fn widen(self) -> f32 {
        self
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, column: &[f32; 16]) -> S::F {
        simd.load(column)
    }
}

impl Element for Half {
    fn store(source: &[u8]) -> impl Iterator<Item = Half> {
        source.as_chunks::<2>().0.iter().map(|bytes| Half(u16::from_le_bytes(*bytes)))
    }
    fn widen(self) -> f32 {
        f16::from_bits(self.0).to_f32()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, column: &[Half; 16]) -> S::F {
        simd.load_f16(&column.map(|x| x.0))
    }
}

impl Element for Brain {
    fn store(source: &[u8]) -> impl Iterator<Item = Brain> {
        source.as_chunks::<2>().0.iter().map(|bytes| Brain(u16::from_le_bytes(*bytes)))
    }
    fn widen(self) -> f32 {
        bf16::from_bits(self.0).to_f32()
    }
    #[inline(always)]
    fn load<S: Simd>(simd: S, column: &[Brain; 16]) -> S::F {
        simd.load_bf16(&column.map(|x| x.0))
    }
}

/// Unquantised weights of element `E`.
pub(crate) struct Float<E>(std::marker::PhantomData<E>);

impl<E: Element> Format for Float<E> {
    type Block = [E; 16];
    type Panel = PanelF32;

    /// One chain of multiply-adds per tile and row: enough of them at once to hide their latency.
    fn tiles(rows: usize) -> usize {
        if rows <= 2 { 4 } else { 2 }
    }

    fn blocks(columns: usize) -> usize {
        columns
    }

    fn pack(tile: &mut [[E; 16]], lane: usize, row: &[u8]) {
        for (column, x) in tile.iter_mut().zip(E::store(row)) {
            column[lane] = x;
        }
    }

    fn unpack(tile: &[[E; 16]], lane: usize, out: &mut [f32]) {
        for (column, out) in tile.iter().zip(out) {
            *out = column[lane].widen();
        }
    }

    #[inline(always)]
    fn dot<S: Simd, const M: usize, const N: usize>(
        s: S,
        tiles: [&[[E; 16]]; N],
        panels: &[PanelF32],
        first: usize,
    ) -> [[S::F; M]; N] {
        let mut total = [[s.splat(0.0); M]; N];
        let count = panels.len();
        let tiles = tiles.map(|tile| &tile[..count]);
        for (k, panel) in panels.iter().enumerate() {
            let mut w = [s.splat(0.0); N];
            for n in 0..N {
                w[n] = E::load(s, &tiles[n][k]);
                prefetch(&tiles[n][k], M);
            }
            for m in 0..M {
                let a = s.splat(panel[(first + m) % PANEL_ROWS]);
                for n in 0..N {
                    total[n][m] = s.fma(w[n], a, total[n][m]);
                }
            }
        }
        total
    }
}
