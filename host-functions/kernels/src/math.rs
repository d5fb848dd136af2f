//! Transcendental functions in sixteen lanes, by polynomials: the same bits on every instruction set.

use crate::simd::Simd;

/// e^x, within 2 units in the last place. Below -87.7 it is 0, above 88.3 infinite; NaN stays.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    // These bounds become powers 2^-127 and 2^128, whose bits below are those of 0 and infinity.
    let x = s.max(s.splat(-88.0), x);
    let x = s.min(s.splat(89.0), x);
    let power = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let n = s.to_f32(power);
    // ln 2 in two parts, so that the first product is exact.
    let r = s.fma(n, s.splat(-0.693_359_4), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.987_569_1e-4);
    p = s.fma(p, r, s.splat(1.398_199_9e-3));
    p = s.fma(p, r, s.splat(8.333_452e-3));
    p = s.fma(p, r, s.splat(4.166_579_6e-2));
    p = s.fma(p, r, s.splat(1.666_666_5e-1));
    p = s.fma(p, r, s.splat(0.5));
    let p = s.add(s.fma(p, s.mul(r, r), r), s.splat(1.0));
    let scale = s.floats(s.shl::<23>(s.add_i32(power, s.splat_i32(127))));
    s.mul(p, scale)
}

/// tanh x, within 2e-7.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp(s, s.add(x, x));
    let one = s.splat(1.0);
    s.sub(one, s.div(s.splat(2.0), s.add(e, one)))
}

/// The error function, within 5e-7 (Abramowitz and Stegun 7.1.26).
#[inline(always)]
pub(crate) fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let sign = s.and(s.bits(x), s.splat_i32(i32::MIN));
    let magnitude = s.floats(s.and(s.bits(x), s.splat_i32(i32::MAX)));
    let t = s.div(one, s.fma(s.splat(0.327_591_1), magnitude, one));
    let mut p = s.splat(1.061_405_4);
    p = s.fma(p, t, s.splat(-1.453_152));
    p = s.fma(p, t, s.splat(1.421_413_8));
    p = s.fma(p, t, s.splat(-0.284_496_74));
    p = s.fma(p, t, s.splat(0.254_829_6));
    let tail = s.mul(s.mul(p, t), exp(s, s.mul(s.mul(magnitude, magnitude), s.splat(-1.0))));
    s.floats(s.or(s.bits(s.sub(one, tail)), sign))
}
