//! Q2K and Q3K: superblocks of 256 values in sixteen sub-blocks of 16. Dequantised, or (Q3K) turned
//! into Q6K.
//!
//! Q2K: `scales: [u8; 16], q: [u8; 64], d: f16, dmin: f16`; a scale's low nibble scales, its high
//! nibble is the minimum; value `d * scale * q - dmin * minimum`.
//! Q3K: `high: [u8; 32], q: [u8; 64], scales: [u8; 12], d: f16`; value `d * (scale - 32) * (q - 4)`
//! with `q` of three bits.
//! Both keep two bits of value i in byte `i / 128 * 32 + i % 32` of `q`, shifted by `i % 128 / 32 * 2`.

use super::{half, q6_k};
use crate::memory::{Plain, stored};

#[derive(Clone, Copy)]
#[repr(C)]
struct StoredQ2K {
    scales: [u8; 16],
    q: [u8; 64],
    d: [u8; 2],
    dmin: [u8; 2],
}

// SAFETY: bytes only, 84 of them.
unsafe impl Plain for StoredQ2K {}

#[derive(Clone, Copy)]
#[repr(C)]
struct StoredQ3K {
    high: [u8; 32],
    q: [u8; 64],
    scales: [u8; 12],
    d: [u8; 2],
}

// SAFETY: bytes only, 110 of them.
unsafe impl Plain for StoredQ3K {}

fn two_bits(q: &[u8; 64], i: usize) -> u8 {
    q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3
}

pub(crate) fn dequantize_q2_k(row: &[u8], out: &mut [f32]) {
    for (block, out) in stored::<StoredQ2K>(row).iter().zip(out.as_chunks_mut::<256>().0) {
        let (d, dmin) = (half(block.d), half(block.dmin));
        for (i, out) in out.iter_mut().enumerate() {
            let scale = block.scales[i / 16];
            *out = d * f32::from(scale & 15) * f32::from(two_bits(&block.q, i)) - dmin * f32::from(scale >> 4);
        }
    }
}

/// The sixteen signed scales: four low bits in bytes 0..8, two high bits in bytes 8..12.
fn q3_k_scales(bytes: &[u8; 12]) -> [i8; 16] {
    std::array::from_fn(|j| {
        let low = if j < 8 { bytes[j] & 15 } else { bytes[j - 8] >> 4 };
        let high = bytes[8 + j % 4] >> (j / 4 * 2) & 3;
        (low | high << 4) as i8 - 32
    })
}

/// The signed value `q - 4`, in -4..4.
fn q3_k_value(block: &StoredQ3K, i: usize) -> i8 {
    (two_bits(&block.q, i) | (block.high[i % 32] >> (i / 32) & 1) << 2) as i8 - 4
}

pub(crate) fn dequantize_q3_k(row: &[u8], out: &mut [f32]) {
    for (block, out) in stored::<StoredQ3K>(row).iter().zip(out.as_chunks_mut::<256>().0) {
        let (d, scales) = (half(block.d), q3_k_scales(&block.scales));
        for (i, out) in out.iter_mut().enumerate() {
            *out = d * f32::from(scales[i / 16]) * f32::from(q3_k_value(block, i));
        }
    }
}

/// The same scales and integers, as a row of Q6K.
pub(crate) fn q3_k_to_q6_k(row: &[u8], out: &mut Vec<u8>) {
    out.clear();
    for block in stored::<StoredQ3K>(row) {
        let (mut low, mut high) = ([0; 128], [0; 64]);
        for i in 0..256 {
            let (q, at) = ((q3_k_value(block, i) + 32) as u8, q6_k::place(i));
            low[at.low] |= (q & 15) << at.low_shift;
            high[at.high] |= q >> 4 << at.high_shift;
        }
        out.extend_from_slice(&low);
        out.extend_from_slice(&high);
        out.extend(q3_k_scales(&block.scales).map(|scale| scale as u8));
        out.extend_from_slice(&block.d);
    }
}
