//! Sixteen lanes, spelled once: the vocabulary in which every kernel is written.
//!
//! A [`Simd`] value is a token that proves that its instructions exist here, so its methods are
//! safe. All implementations give the same bits: sixteen lanes of f32, or the same 512 bits as
//! sixteen i32 or sixty-four bytes; multiply-add is fused; sums fold halves (lane i with i + 8,
//! then i + 4, i + 2, i + 1).

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
mod portable;

pub(crate) use portable::Portable;

/// Lanes of a vector, and rows of a weight tile.
pub(crate) const LANES: usize = 16;

/// The instruction set. Every method is `#[inline(always)]` in every implementation.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Sixteen f32.
    type F: Copy;
    /// 512 bits: sixteen i32, or sixty-four bytes.
    type I: Copy;

    /// Rows of activations that a matrix kernel takes at once: what the registers hold.
    const ROWS: usize;
    /// Sums (tiles times rows) that a matrix kernel keeps at once, at most.
    const SUMS: usize;
    /// Whether `dot_biased` leaves a bias of 128 per weight in its sum, for the caller to remove.
    const BIASED: bool;
    /// Whether a high nibble may stay in place (worth 16 times itself) for `dot`.
    const HIGH_IN_PLACE: bool;

    fn splat(self, x: f32) -> Self::F;
    fn load(self, x: &[f32; 16]) -> Self::F;
    fn load_f16(self, x: &[u16; 16]) -> Self::F;
    fn load_bf16(self, x: &[u16; 16]) -> Self::F;
    fn load_i8(self, x: &[i8; 16]) -> Self::F;
    fn store(self, x: Self::F, out: &mut [f32; 16]);
    /// As f16 bits, rounded to nearest, ties to even.
    fn store_f16(self, x: Self::F, out: &mut [u16; 16]);
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`: of a NaN and a number, the second.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The lanes' sum, by folding halves.
    fn sum(self, x: Self::F) -> f32;
    /// The lanes' maximum, by folding halves.
    fn max_lane(self, x: Self::F) -> f32;
    /// To the nearest i32, ties to even; `i32::MIN` where it does not fit.
    fn round(self, x: Self::F) -> Self::I;
    /// The same bits as integers, and as floats again.
    fn bits(self, x: Self::F) -> Self::I;
    fn floats(self, x: Self::I) -> Self::F;

    fn splat_i32(self, x: i32) -> Self::I;
    /// The same four bytes in every lane.
    fn splat_bytes(self, x: &[i8; 4]) -> Self::I;
    /// The same two i16 in every lane.
    fn splat_pair(self, x: &[i16; 2]) -> Self::I;
    fn load_bytes(self, x: &[u8; 64]) -> Self::I;
    /// As `load_bytes`, of sixteen groups of four signed bytes.
    fn load_signed(self, x: &[[i8; 4]; 16]) -> Self::I;
    fn to_f32(self, x: Self::I) -> Self::F;
    fn add_i32(self, a: Self::I, b: Self::I) -> Self::I;
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    /// `a | (b & c)`.
    fn or_and(self, a: Self::I, b: Self::I, c: Self::I) -> Self::I;
    /// Shifts of i32 lanes: left, right filling with zeros, right filling with the sign.
    fn shl<const BITS: u32>(self, x: Self::I) -> Self::I;
    fn shr<const BITS: u32>(self, x: Self::I) -> Self::I;
    fn sar<const BITS: u32>(self, x: Self::I) -> Self::I;
    /// The low byte of every lane.
    fn store_low_bytes(self, x: Self::I, out: &mut [i8; 16]);

    /// Per lane, `acc` plus the products of four unsigned bytes of `w` with four signed ones of `a`.
    /// Exact if `w` holds at most 128 (any byte where `HIGH_IN_PLACE`) and `a` is never -128.
    fn dot(self, acc: Self::I, w: Self::I, a: Self::I) -> Self::I;
    /// As `dot`, for signed weights stored with their top bit flipped (see `BIASED`).
    fn dot_biased(self, acc: Self::I, w: Self::I, a: Self::I) -> Self::I;
    /// Per lane, `acc` plus the products of two i16 of each.
    fn dot_i16(self, acc: Self::I, a: Self::I, b: Self::I) -> Self::I;
}

/// Up to sixteen values, the missing lanes filled with `fill`.
#[inline(always)]
pub(crate) fn load_part<S: Simd>(s: S, x: &[f32], fill: f32) -> S::F {
    let mut lanes = [fill; LANES];
    let n = x.len().min(LANES);
    lanes[..n].copy_from_slice(&x[..n]);
    s.load(&lanes)
}

/// The first `out.len()` lanes, at most sixteen.
#[inline(always)]
pub(crate) fn store_part<S: Simd>(s: S, x: S::F, out: &mut [f32]) {
    let mut lanes = [0.0; LANES];
    s.store(x, &mut lanes);
    let n = out.len().min(LANES);
    out[..n].copy_from_slice(&lanes[..n]);
}
