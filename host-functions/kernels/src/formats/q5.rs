//! Q5_0 and Q5_1: blocks of 32 five-bit values. Dequantised, or (Q5_0) turned into Q8_0.
//!
//! Q5_0: `d: f16, high: u32, q: [u8; 16]`, value `d * (q - 16)`.
//! Q5_1: `d: f16, m: f16, high: u32, q: [u8; 16]`, value `d * q + m`.
//! Byte i holds value i low and value i + 16 high; bit j of `high` is the fifth bit of value j.

use super::half;

/// The 32 unsigned five-bit values of a block.
fn values(high: [u8; 4], q: &[u8]) -> [u8; 32] {
    let high = u32::from_le_bytes(high);
    let mut out = [0; 32];
    for (i, &q) in q.iter().enumerate().take(16) {
        out[i] = (q & 15) | ((high >> i & 1) << 4) as u8;
        out[i + 16] = (q >> 4) | ((high >> (i + 16) & 1) << 4) as u8;
    }
    out
}

pub(crate) fn dequantize_q5_0(row: &[u8], out: &mut [f32]) {
    for (block, out) in row.as_chunks::<22>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let scale = half([block[0], block[1]]);
        let q = values([block[2], block[3], block[4], block[5]], &block[6..]);
        *out = q.map(|q| scale * (f32::from(q) - 16.0));
    }
}

pub(crate) fn dequantize_q5_1(row: &[u8], out: &mut [f32]) {
    for (block, out) in row.as_chunks::<24>().0.iter().zip(out.as_chunks_mut::<32>().0) {
        let (scale, minimum) = (half([block[0], block[1]]), half([block[2], block[3]]));
        let q = values([block[4], block[5], block[6], block[7]], &block[8..]);
        *out = q.map(|q| scale * f32::from(q) + minimum);
    }
}

/// The same scales and integers, as a row of Q8_0.
pub(crate) fn q5_0_to_q8_0(row: &[u8], out: &mut Vec<u8>) {
    out.clear();
    for block in row.as_chunks::<22>().0 {
        let q = values([block[2], block[3], block[4], block[5]], &block[6..]);
        out.extend_from_slice(&block[..2]);
        out.extend(q.map(|q| q.wrapping_sub(16)));
    }
}
