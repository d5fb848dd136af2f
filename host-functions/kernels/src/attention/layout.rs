//! The bytes of a key-value block: sixteen positions of one layer.
//!
//! For each key-value head, keys then values:
//!
//! ```text
//! keys     [head_dim][16 positions]            so that sixteen scores are one chain of multiply-adds
//! values   [16 positions][head_dim, padded]    so that a position's values are added at once
//! ```

use crate::Isa;
use crate::error::{ShapeError, expect};
use crate::isa::Op;
use crate::memory::{Plain, cast, cast_mut};
use crate::simd::{LANES, Simd, load_part};

/// What keys and values are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvType {
    F16,
    F32,
}

/// The shape of one layer's part of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayout {
    kv_heads: usize,
    head_dim: usize,
    ty: KvType,
}

impl KvLayout {
    /// Positions in a block.
    pub const POSITIONS: usize = LANES;
    /// The largest head.
    pub const HEAD_DIM_MAX: usize = 256;
    /// The most key-value heads.
    pub const KV_HEADS_MAX: usize = 1024;

    /// A layout of `kv_heads` heads of `head_dim` values.
    ///
    /// # Errors
    /// If there are no heads or too many, or `head_dim` is not a multiple of 8 up to 256.
    pub fn new(kv_heads: usize, head_dim: usize, ty: KvType) -> Result<Self, ShapeError> {
        if !(1..=Self::KV_HEADS_MAX).contains(&kv_heads) {
            return Err(ShapeError { what: "key-value heads", expected: Self::KV_HEADS_MAX, actual: kv_heads });
        }
        if !(8..=Self::HEAD_DIM_MAX).contains(&head_dim) || !head_dim.is_multiple_of(8) {
            let expected = head_dim.next_multiple_of(8).clamp(8, Self::HEAD_DIM_MAX);
            return Err(ShapeError { what: "values in a head", expected, actual: head_dim });
        }
        Ok(KvLayout { kv_heads, head_dim, ty })
    }

    /// Key-value heads.
    pub fn kv_heads(&self) -> usize {
        self.kv_heads
    }

    /// Values in a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// What keys and values are stored as.
    pub fn ty(&self) -> KvType {
        self.ty
    }

    /// Bytes of one layer's part of a block: a multiple of 64.
    pub fn bytes(&self) -> usize {
        self.kv_heads * self.head_lines() * self.line_bytes()
    }

    /// Lines of sixteen values in a row of values.
    pub(super) fn value_lines(&self) -> usize {
        self.head_dim.div_ceil(LANES)
    }

    /// Lines of sixteen values of one head: its keys, then its values.
    pub(super) fn head_lines(&self) -> usize {
        self.head_dim + Self::POSITIONS * self.value_lines()
    }

    fn line_bytes(&self) -> usize {
        match self.ty {
            KvType::F16 => 2 * LANES,
            KvType::F32 => 4 * LANES,
        }
    }
}

/// Where blocks lie: one layer's part of block i is the layout's bytes at `i * block_stride + offset`.
#[derive(Debug, Clone, Copy)]
pub struct KvArena<'a> {
    /// Begins at a multiple of 4 bytes ([`Memory`](crate::Memory) does); so do stride and offset.
    pub bytes: &'a [u8],
    /// Bytes of a block, all layers.
    pub block_stride: usize,
    /// Where in a block the layer begins.
    pub offset: usize,
}

impl<'a> KvArena<'a> {
    /// Whether all of `blocks` lie in the arena, aligned.
    pub(super) fn check(&self, layout: &KvLayout, blocks: &[u32]) -> Result<(), ShapeError> {
        let misaligned = (self.bytes.as_ptr() as usize | self.block_stride | self.offset) % 4;
        expect("alignment of the key-value arena", 0, misaligned)?;
        let Some(&last) = blocks.iter().max() else { return Ok(()) };
        let end = (last as usize)
            .checked_mul(self.block_stride)
            .and_then(|start| start.checked_add(self.offset)?.checked_add(layout.bytes()))
            .unwrap_or(usize::MAX);
        if end <= self.bytes.len() {
            Ok(())
        } else {
            Err(ShapeError { what: "bytes of the key-value arena", expected: end, actual: self.bytes.len() })
        }
    }

    /// The lines of one head of a block. Both must exist.
    #[inline(always)]
    pub(super) fn head<E: Element>(&self, layout: &KvLayout, block: u32, kv_head: usize) -> &'a [[E; LANES]] {
        let bytes = layout.head_lines() * size_of::<[E; LANES]>();
        let start = block as usize * self.block_stride + self.offset + kv_head * bytes;
        cast(&self.bytes[start..start + bytes]).unwrap_or(&[])
    }
}

/// A stored key or value.
pub(super) trait Element: Plain + Default {
    fn load<S: Simd>(simd: S, line: &[Self; LANES]) -> S::F;
    fn store<S: Simd>(simd: S, x: S::F, line: &mut [Self; LANES]);
}

impl Element for f32 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, line: &[f32; LANES]) -> S::F {
        simd.load(line)
    }
    #[inline(always)]
    fn store<S: Simd>(simd: S, x: S::F, line: &mut [f32; LANES]) {
        simd.store(x, line);
    }
}

/// f16 bits.
impl Element for u16 {
    #[inline(always)]
    fn load<S: Simd>(simd: S, line: &[u16; LANES]) -> S::F {
        simd.load_f16(line)
    }
    #[inline(always)]
    fn store<S: Simd>(simd: S, x: S::F, line: &mut [u16; LANES]) {
        // A key or value too large for f16 is stored as the largest, not as infinity, which would
        // turn the sums of every later row into NaN. NaN stays.
        let x = simd.min(simd.splat(65504.0), simd.max(simd.splat(-65504.0), x));
        simd.store_f16(x, line);
    }
}

/// Stores the key and value of one position, `kv_heads * head_dim` values each, as slot `slot`
/// (0 to 15) of `block`, one layer's part of a block.
///
/// # Errors
/// If a size is not the layout's, there is no such slot, or `block` is not aligned to 4 bytes.
pub fn write_kv(layout: &KvLayout, block: &mut [u8], slot: usize, k: &[f32], v: &[f32]) -> Result<(), ShapeError> {
    let len = layout.kv_heads * layout.head_dim;
    expect("bytes of a key-value block", layout.bytes(), block.len())?;
    expect("values of a key", len, k.len())?;
    expect("values of a value", len, v.len())?;
    if slot >= KvLayout::POSITIONS {
        return Err(ShapeError { what: "slot of a key-value block", expected: KvLayout::POSITIONS, actual: slot });
    }
    match layout.ty {
        KvType::F16 => write::<u16>(layout, block, slot, k, v),
        KvType::F32 => write::<f32>(layout, block, slot, k, v),
    }
}

fn write<E: Element>(layout: &KvLayout, block: &mut [u8], slot: usize, k: &[f32], v: &[f32]) -> Result<(), ShapeError> {
    let misaligned = ShapeError { what: "alignment of a key-value block", expected: 0, actual: block.as_ptr() as usize % 4 };
    let lines = cast_mut::<[E; LANES]>(block).ok_or(misaligned)?;
    Isa::detect().run(Write { layout, lines, slot, k, v });
    Ok(())
}

struct Write<'a, E> {
    layout: &'a KvLayout,
    lines: &'a mut [[E; LANES]],
    slot: usize,
    k: &'a [f32],
    v: &'a [f32],
}

impl<E: Element> Op for Write<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (head_dim, value_lines) = (self.layout.head_dim, self.layout.value_lines());
        let heads = self.lines.chunks_exact_mut(self.layout.head_lines());
        for ((head, k), v) in heads.zip(self.k.chunks_exact(head_dim)).zip(self.v.chunks_exact(head_dim)) {
            let (keys, values) = head.split_at_mut(head_dim);
            for (lines, x) in keys.chunks_mut(LANES).zip(k.chunks(LANES)) {
                let mut stored = [E::default(); LANES];
                E::store(s, load_part(s, x, 0.0), &mut stored);
                for (line, x) in lines.iter_mut().zip(stored) {
                    line[self.slot % LANES] = x;
                }
            }
            let row = &mut values[self.slot * value_lines..][..value_lines];
            for (line, x) in row.iter_mut().zip(v.chunks(LANES)) {
                E::store(s, load_part(s, x, 0.0), line);
            }
        }
    }
}
