//! The vocabulary in plain Rust: what every machine has, and what the others are tested against.

use half::{bf16, f16};

use super::Simd;

/// Available everywhere.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct F([f32; 16]);

#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct I([i32; 16]);

#[inline(always)]
fn zip(a: F, b: F, f: impl Fn(f32, f32) -> f32) -> F {
    let mut out = a;
    for i in 0..16 {
        out.0[i] = f(a.0[i], b.0[i]);
    }
    out
}

#[inline(always)]
fn zip_i(a: I, b: I, f: impl Fn(i32, i32) -> i32) -> I {
    let mut out = a;
    for i in 0..16 {
        out.0[i] = f(a.0[i], b.0[i]);
    }
    out
}

#[inline(always)]
fn fold(mut x: F, f: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            x.0[i] = f(x.0[i], x.0[i + half]);
        }
    }
    x.0[0]
}

/// As the x86 instruction: out of range and NaN give `i32::MIN`.
#[inline(always)]
fn round(x: f32) -> i32 {
    let y = x.round_ties_even();
    if (-2147483648.0..2147483648.0).contains(&y) { y as i32 } else { i32::MIN }
}

impl Simd for Portable {
    type F = F;
    type I = I;
    const ROWS: usize = 1;
    const SUMS: usize = 1;
    const BIASED: bool = false;
    const HIGH_IN_PLACE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        F([x; 16])
    }
    #[inline(always)]
    fn load(self, x: &[f32; 16]) -> F {
        F(*x)
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; 16]) -> F {
        F(x.map(|bits| f16::from_bits(bits).to_f32()))
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; 16]) -> F {
        F(x.map(|bits| bf16::from_bits(bits).to_f32()))
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; 16]) -> F {
        F(x.map(f32::from))
    }
    #[inline(always)]
    fn store(self, x: F, out: &mut [f32; 16]) {
        *out = x.0;
    }
    #[inline(always)]
    fn store_f16(self, x: F, out: &mut [u16; 16]) {
        *out = x.0.map(|x| f16::from_f32(x).to_bits());
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: F, b: F, c: F) -> F {
        let mut out = c;
        for i in 0..16 {
            out.0[i] = a.0[i].mul_add(b.0[i], c.0[i]);
        }
        out
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn sum(self, x: F) -> f32 {
        fold(x, |a, b| a + b)
    }
    #[inline(always)]
    fn max_lane(self, x: F) -> f32 {
        fold(x, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn round(self, x: F) -> I {
        I(x.0.map(round))
    }
    #[inline(always)]
    fn bits(self, x: F) -> I {
        I(x.0.map(|x| x.to_bits() as i32))
    }
    #[inline(always)]
    fn floats(self, x: I) -> F {
        F(x.0.map(|x| f32::from_bits(x as u32)))
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> I {
        I([x; 16])
    }
    #[inline(always)]
    fn splat_bytes(self, x: &[i8; 4]) -> I {
        I([i32::from_le_bytes(x.map(|x| x as u8)); 16])
    }
    #[inline(always)]
    fn splat_pair(self, x: &[i16; 2]) -> I {
        I([i32::from(x[0] as u16) | (i32::from(x[1]) << 16); 16])
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 64]) -> I {
        let mut out = I([0; 16]);
        for i in 0..16 {
            out.0[i] = i32::from_le_bytes([x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]]);
        }
        out
    }
    #[inline(always)]
    fn load_signed(self, x: &[[i8; 4]; 16]) -> I {
        let mut out = I([0; 16]);
        for (out, x) in out.0.iter_mut().zip(x) {
            *out = i32::from_le_bytes(x.map(|x| x as u8));
        }
        out
    }
    #[inline(always)]
    fn to_f32(self, x: I) -> F {
        F(x.0.map(|x| x as f32))
    }
    #[inline(always)]
    fn add_i32(self, a: I, b: I) -> I {
        zip_i(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn and(self, a: I, b: I) -> I {
        zip_i(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn or(self, a: I, b: I) -> I {
        zip_i(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn or_and(self, a: I, b: I, c: I) -> I {
        self.or(a, self.and(b, c))
    }
    #[inline(always)]
    fn shl<const BITS: u32>(self, x: I) -> I {
        I(x.0.map(|x| x << BITS))
    }
    #[inline(always)]
    fn shr<const BITS: u32>(self, x: I) -> I {
        I(x.0.map(|x| ((x as u32) >> BITS) as i32))
    }
    #[inline(always)]
    fn sar<const BITS: u32>(self, x: I) -> I {
        I(x.0.map(|x| x >> BITS))
    }
    #[inline(always)]
    fn store_low_bytes(self, x: I, out: &mut [i8; 16]) {
        *out = x.0.map(|x| x as i8);
    }

    #[inline(always)]
    fn dot(self, acc: I, w: I, a: I) -> I {
        let mut out = acc;
        for i in 0..16 {
            let (w, a) = (w.0[i].to_le_bytes(), a.0[i].to_le_bytes());
            for j in 0..4 {
                out.0[i] += i32::from(w[j]) * i32::from(a[j] as i8);
            }
        }
        out
    }
    #[inline(always)]
    fn dot_biased(self, acc: I, w: I, a: I) -> I {
        let mut out = acc;
        for i in 0..16 {
            let (w, a) = (w.0[i].to_le_bytes(), a.0[i].to_le_bytes());
            for j in 0..4 {
                out.0[i] += i32::from((w[j] ^ 0x80) as i8) * i32::from(a[j] as i8);
            }
        }
        out
    }
    #[inline(always)]
    fn dot_i16(self, acc: I, a: I, b: I) -> I {
        let mut out = acc;
        for i in 0..16 {
            let (a, b) = (a.0[i], b.0[i]);
            out.0[i] += i32::from(a as i16) * i32::from(b as i16) + (a >> 16) * (b >> 16);
        }
        out
    }
}
