//! What Q4K and Q5K share: eight sub-blocks of 32 values, each with a six-bit scale and minimum.
//!
//! File: twelve bytes hold eight scales and eight minimums of six bits.
//! Packed: twelve bytes per row too, arranged so that a scale comes out of a lane by one shift and
//! one mask, and two minimums at once as i16.
//!
//! ```text
//! word 0   byte j: scale j      | bits 0..2 of minimum j + 4 on top
//! word 1   byte j: scale j + 4  | bits 2..4 of minimum j + 4 on top
//! word 2   byte j: minimum j    | bits 4..6 of minimum j + 4 on top
//! ```

use crate::simd::Simd;

/// Three words for each of sixteen rows: `[word][row * 4 + byte]`.
pub(crate) type PackedScales = [[u8; 64]; 3];

/// In which order `minimums` yields the sub-blocks: pairs of i16.
pub(crate) const MINIMUM_ORDER: [[usize; 2]; 4] = [[0, 2], [1, 3], [4, 6], [5, 7]];

/// The value of integer `q`: `d * scale * q - dmin * minimum`. All but the subtraction is exact.
pub(crate) fn value(d: f32, dmin: f32, scale: u8, minimum: u8, q: u8) -> f32 {
    d * f32::from(scale) * f32::from(q) - dmin * f32::from(minimum)
}

/// The scales and minimums of a superblock as stored in a file.
pub(crate) fn scales_and_minimums(bytes: &[u8; 12]) -> ([u8; 8], [u8; 8]) {
    let (mut scales, mut minimums) = ([0; 8], [0; 8]);
    for j in 0..4 {
        scales[j] = bytes[j] & 63;
        minimums[j] = bytes[j + 4] & 63;
        scales[j + 4] = (bytes[j + 8] & 15) | (bytes[j] >> 6 << 4);
        minimums[j + 4] = (bytes[j + 8] >> 4) | (bytes[j + 4] >> 6 << 4);
    }
    (scales, minimums)
}

/// Stores them as row `lane`.
pub(crate) fn pack(packed: &mut PackedScales, lane: usize, bytes: &[u8; 12]) {
    let (scales, minimums) = scales_and_minimums(bytes);
    for j in 0..4 {
        let high = minimums[j + 4];
        packed[0][lane * 4 + j] = scales[j] | (high & 3) << 6;
        packed[1][lane * 4 + j] = scales[j + 4] | (high >> 2 & 3) << 6;
        packed[2][lane * 4 + j] = minimums[j] | (high >> 4) << 6;
    }
}

/// The inverse of [`pack`], for one row.
pub(crate) fn unpack(packed: &PackedScales, lane: usize) -> ([u8; 8], [u8; 8]) {
    let (mut scales, mut minimums) = ([0; 8], [0; 8]);
    for j in 0..4 {
        let words = [0, 1, 2].map(|word: usize| packed[word][lane * 4 + j]);
        scales[j] = words[0] & 63;
        scales[j + 4] = words[1] & 63;
        minimums[j] = words[2] & 63;
        minimums[j + 4] = words[0] >> 6 | words[1] >> 6 << 2 | words[2] >> 6 << 4;
    }
    (scales, minimums)
}

/// The eight scales of each row, as f32.
#[inline(always)]
pub(crate) fn scales<S: Simd>(s: S, packed: &PackedScales) -> [S::F; 8] {
    let mask = s.splat_i32(63);
    let mut out = [s.splat(0.0); 8];
    for word in 0..2 {
        let x = s.load_bytes(&packed[word]);
        out[word * 4] = s.to_f32(s.and(x, mask));
        out[word * 4 + 1] = s.to_f32(s.and(s.shr::<8>(x), mask));
        out[word * 4 + 2] = s.to_f32(s.and(s.shr::<16>(x), mask));
        out[word * 4 + 3] = s.to_f32(s.and(s.shr::<24>(x), mask));
    }
    out
}

/// The eight minimums of each row as pairs of i16, in [`MINIMUM_ORDER`].
#[inline(always)]
pub(crate) fn minimums<S: Simd>(s: S, packed: &PackedScales) -> [S::I; 4] {
    let even = s.splat_i32(0x003f_003f);
    let words = [s.load_bytes(&packed[0]), s.load_bytes(&packed[1]), s.load_bytes(&packed[2])];
    // Each byte of `high` is one of minimums 4..8.
    let mut high = s.and(s.shr::<6>(words[0]), s.splat_i32(0x0303_0303));
    high = s.or_and(high, s.shr::<4>(words[1]), s.splat_i32(0x0c0c_0c0c));
    high = s.or_and(high, s.shr::<2>(words[2]), s.splat_i32(0x3030_3030));
    [s.and(words[2], even), s.and(s.shr::<8>(words[2]), even), s.and(high, even), s.and(s.shr::<8>(high), even)]
}
