//! The bytes of a key-value block: sixteen positions of one layer.
//!
//! For each key-value head, keys then values:
//!
//! ```text
//! keys     [head_dim][16 positions]            so that sixteen scores are one chain of multiply-adds
//! values   [16 positions][head_dim, padded]    so that a position's values are added at once
//! ```
//!
//! Of 8-bit types, each position's key and each position's value has a scale of its own, and the scales come before the
//! keys: `[16 positions]` of the keys, then of the values. So what is stored of a position depends on nothing but that
//! position, however its block was filled.

use crate::Isa;
use crate::error::{ShapeError, expect};
use crate::isa::Op;
use crate::memory::{Plain, cast, cast_mut};
use crate::simd::{LANES, Simd, load_part};

/// What keys and values are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KvType {
    /// Whole numbers from -127 to 127, times a scale for each head of each position.
    I8,
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
        self.kv_heads * self.head_bytes()
    }

    fn head_bytes(&self) -> usize {
        match self.ty {
            KvType::I8 => head_bytes::<i8>(self),
            KvType::F16 => head_bytes::<u16>(self),
            KvType::F32 => head_bytes::<f32>(self),
        }
    }

    /// Lines of sixteen values in a row of values.
    pub(super) const fn value_lines(&self) -> usize {
        self.head_dim.div_ceil(LANES)
    }

    /// Lines of sixteen values of one head: its keys, then its values.
    pub(super) const fn head_lines(&self) -> usize {
        self.head_dim + Self::POSITIONS * self.value_lines()
    }
}

/// Scales of the keys, then of the values.
type Scales = [[f32; LANES]; 2];

/// Bytes of one head: its scales, if there are any, then its lines.
const fn head_bytes<E: Element>(layout: &KvLayout) -> usize {
    scale_bytes::<E>() + layout.head_lines() * size_of::<[E; LANES]>()
}

const fn scale_bytes<E: Element>() -> usize {
    if E::SCALED { size_of::<Scales>() } else { 0 }
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

    /// The lines of one head of a block, and its scales if it has some. Both must exist.
    #[inline(always)]
    pub(super) fn head<E: Element>(
        &self,
        layout: &KvLayout,
        block: u32,
        kv_head: usize,
    ) -> (&'a [[E; LANES]], Option<&'a Scales>) {
        let bytes = head_bytes::<E>(layout);
        let start = block as usize * self.block_stride + self.offset + kv_head * bytes;
        let (scales, lines) = self.bytes[start..start + bytes].split_at(scale_bytes::<E>());
        (cast(lines).unwrap_or(&[]), cast::<Scales>(scales).and_then(<[Scales]>::first))
    }
}

/// A stored key or value.
pub(super) trait Element: Plain + Default {
    /// Whether what is stored is multiplied by a scale.
    const SCALED: bool = false;

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

/// Steps of a scale.
impl Element for i8 {
    const SCALED: bool = true;

    #[inline(always)]
    fn load<S: Simd>(simd: S, line: &[i8; LANES]) -> S::F {
        simd.load_i8(line)
    }
    #[inline(always)]
    fn store<S: Simd>(simd: S, x: S::F, line: &mut [i8; LANES]) {
        let x = simd.min(simd.splat(STEPS), simd.max(simd.splat(-STEPS), x));
        simd.store_low_bytes(simd.round(x), line);
    }
}

/// Steps from 0 to the largest value of a scale.
const STEPS: f32 = 127.0;

/// The scale of some values, and what makes steps of them.
fn scale_of(values: &[f32]) -> (f32, f32) {
    if values.iter().any(|x| x.is_nan()) {
        return (f32::NAN, 0.0);
    }
    // An infinity is stored as the largest number, as f16 does it.
    let largest = values.iter().fold(0f32, |largest, x| largest.max(x.abs())).min(f32::MAX);
    let inverse = STEPS / largest;
    // Values that are too small to be told apart are 0.
    if inverse.is_finite() { (largest / STEPS, inverse) } else { (0.0, 0.0) }
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
    let misaligned = block.as_ptr() as usize % 4;
    expect("alignment of a key-value block", 0, misaligned)?;
    match layout.ty {
        KvType::I8 => write::<i8>(layout, block, slot, k, v),
        KvType::F16 => write::<u16>(layout, block, slot, k, v),
        KvType::F32 => write::<f32>(layout, block, slot, k, v),
    }
    Ok(())
}

fn write<E: Element>(layout: &KvLayout, block: &mut [u8], slot: usize, k: &[f32], v: &[f32]) {
    Isa::detect().run(Write { layout, block, slot, k, v, element: std::marker::PhantomData::<E> });
}

struct Write<'a, E> {
    layout: &'a KvLayout,
    /// Aligned to 4 bytes.
    block: &'a mut [u8],
    slot: usize,
    k: &'a [f32],
    v: &'a [f32],
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Op for Write<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (head_dim, value_lines, slot) = (self.layout.head_dim, self.layout.value_lines(), self.slot);
        let heads = self.block.chunks_exact_mut(head_bytes::<E>(self.layout));
        for ((head, k), v) in heads.zip(self.k.chunks_exact(head_dim)).zip(self.v.chunks_exact(head_dim)) {
            let (scales, lines) = head.split_at_mut(scale_bytes::<E>());
            // The block is aligned, and so are its parts.
            let Some(lines) = cast_mut::<[E; LANES]>(lines) else { continue };
            let mut inverse = [1.0; 2];
            if let Some(scales) = cast_mut::<[f32; LANES]>(scales).filter(|_| E::SCALED) {
                for ((scales, inverse), values) in scales.iter_mut().zip(&mut inverse).zip([k, v]) {
                    (scales[slot % LANES], *inverse) = scale_of(values);
                }
            }
            let part = |x: &[f32], inverse: f32| {
                let x = load_part(s, x, 0.0);
                if E::SCALED { s.mul(x, s.splat(inverse)) } else { x }
            };
            let (keys, values) = lines.split_at_mut(head_dim);
            for (lines, x) in keys.chunks_mut(LANES).zip(k.chunks(LANES)) {
                let mut stored = [E::default(); LANES];
                E::store(s, part(x, inverse[0]), &mut stored);
                for (line, x) in lines.iter_mut().zip(stored) {
                    line[slot % LANES] = x;
                }
            }
            let row = &mut values[slot * value_lines..][..value_lines];
            for (line, x) in row.iter_mut().zip(v.chunks(LANES)) {
                E::store(s, part(x, inverse[1]), line);
            }
        }
    }
}
