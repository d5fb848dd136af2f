//! The vocabulary in AVX2, FMA and F16C: a vector is two registers.

use std::arch::x86_64::*;

use super::Simd;
use crate::isa::Op;

/// Exists only inside [`run`], so only where the instructions do.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

#[derive(Clone, Copy)]
pub(crate) struct F(__m256, __m256);

#[derive(Clone, Copy)]
pub(crate) struct I(__m256i, __m256i);

/// Runs `op` with these instructions, which are compiled into it.
///
/// # Safety
/// The machine has all features named here.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn run<O: Op>(op: O) -> O::Output {
    op.run(Avx2(()))
}

/// An expression of intrinsics.
macro_rules! here {
    ($e:expr) => {
        // SAFETY: an `Avx2` exists only where the instructions do; what is loaded from or stored to
        // is an array reference of the width of the access.
        unsafe { $e }
    };
}

/// The same intrinsic on both halves.
macro_rules! both {
    ($vector:ident, $f:expr, $a:expr) => {
        here!($vector($f($a.0), $f($a.1)))
    };
    ($vector:ident, $f:expr, $a:expr, $b:expr) => {
        here!($vector($f($a.0, $b.0), $f($a.1, $b.1)))
    };
    ($vector:ident, $f:expr, $a:expr, $b:expr, $c:expr) => {
        here!($vector($f($a.0, $b.0, $c.0), $f($a.1, $b.1, $c.1)))
    };
}

/// Sums of four products of unsigned and signed bytes, exact while two of them fit an i16.
#[inline(always)]
fn quads(w: __m256i, a: __m256i) -> __m256i {
    here!(_mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1)))
}

impl Simd for Avx2 {
    type F = F;
    type I = I;
    const ROWS: usize = 4;
    const SUMS: usize = 4;
    const BIASED: bool = false;
    const HIGH_IN_PLACE: bool = false;

    #[inline(always)]
    fn splat(self, x: f32) -> F {
        let x = here!(_mm256_set1_ps(x));
        F(x, x)
    }
    #[inline(always)]
    fn load(self, x: &[f32; 16]) -> F {
        here!(F(_mm256_loadu_ps(x.as_ptr()), _mm256_loadu_ps(x.as_ptr().add(8))))
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; 16]) -> F {
        here!(F(
            _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().cast())),
            _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().add(8).cast()))
        ))
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; 16]) -> F {
        let wide = here!(I(
            _mm256_cvtepu16_epi32(_mm_loadu_si128(x.as_ptr().cast())),
            _mm256_cvtepu16_epi32(_mm_loadu_si128(x.as_ptr().add(8).cast()))
        ));
        self.floats(self.shl::<16>(wide))
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; 16]) -> F {
        here!(F(
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(x.as_ptr().cast()))),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(x.as_ptr().add(8).cast())))
        ))
    }
    #[inline(always)]
    fn store(self, x: F, out: &mut [f32; 16]) {
        here!({
            _mm256_storeu_ps(out.as_mut_ptr(), x.0);
            _mm256_storeu_ps(out.as_mut_ptr().add(8), x.1);
        })
    }
    #[inline(always)]
    fn store_f16(self, x: F, out: &mut [u16; 16]) {
        here!({
            _mm_storeu_si128(out.as_mut_ptr().cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x.0));
            _mm_storeu_si128(out.as_mut_ptr().add(8).cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x.1));
        })
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        both!(F, _mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        both!(F, _mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        both!(F, _mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        both!(F, _mm256_div_ps, a, b)
    }
    #[inline(always)]
    fn fma(self, a: F, b: F, c: F) -> F {
        both!(F, _mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        both!(F, _mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        both!(F, _mm256_min_ps, a, b)
    }
    #[inline(always)]
    fn sum(self, x: F) -> f32 {
        here!({
            let x = _mm256_add_ps(x.0, x.1);
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        })
    }
    #[inline(always)]
    fn max_lane(self, x: F) -> f32 {
        here!({
            let x = _mm256_max_ps(x.0, x.1);
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)))
        })
    }
    #[inline(always)]
    fn round(self, x: F) -> I {
        both!(I, _mm256_cvtps_epi32, x)
    }
    #[inline(always)]
    fn bits(self, x: F) -> I {
        both!(I, _mm256_castps_si256, x)
    }
    #[inline(always)]
    fn floats(self, x: I) -> F {
        both!(F, _mm256_castsi256_ps, x)
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> I {
        let x = here!(_mm256_set1_epi32(x));
        I(x, x)
    }
    #[inline(always)]
    fn splat_bytes(self, x: &[i8; 4]) -> I {
        self.splat_i32(here!(x.as_ptr().cast::<i32>().read_unaligned()))
    }
    #[inline(always)]
    fn splat_pair(self, x: &[i16; 2]) -> I {
        self.splat_i32(here!(x.as_ptr().cast::<i32>().read_unaligned()))
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 64]) -> I {
        here!(I(_mm256_loadu_si256(x.as_ptr().cast()), _mm256_loadu_si256(x.as_ptr().add(32).cast())))
    }
    #[inline(always)]
    fn load_signed(self, x: &[[i8; 4]; 16]) -> I {
        here!(I(_mm256_loadu_si256(x.as_ptr().cast()), _mm256_loadu_si256(x.as_ptr().add(8).cast())))
    }
    #[inline(always)]
    fn to_f32(self, x: I) -> F {
        both!(F, _mm256_cvtepi32_ps, x)
    }
    #[inline(always)]
    fn add_i32(self, a: I, b: I) -> I {
        both!(I, _mm256_add_epi32, a, b)
    }
    #[inline(always)]
    fn and(self, a: I, b: I) -> I {
        both!(I, _mm256_and_si256, a, b)
    }
    #[inline(always)]
    fn or(self, a: I, b: I) -> I {
        both!(I, _mm256_or_si256, a, b)
    }
    #[inline(always)]
    fn or_and(self, a: I, b: I, c: I) -> I {
        self.or(a, self.and(b, c))
    }
    #[inline(always)]
    fn shl<const BITS: u32>(self, x: I) -> I {
        let count = here!(_mm_cvtsi32_si128(BITS as i32));
        here!(I(_mm256_sll_epi32(x.0, count), _mm256_sll_epi32(x.1, count)))
    }
    #[inline(always)]
    fn shr<const BITS: u32>(self, x: I) -> I {
        let count = here!(_mm_cvtsi32_si128(BITS as i32));
        here!(I(_mm256_srl_epi32(x.0, count), _mm256_srl_epi32(x.1, count)))
    }
    #[inline(always)]
    fn sar<const BITS: u32>(self, x: I) -> I {
        let count = here!(_mm_cvtsi32_si128(BITS as i32));
        here!(I(_mm256_sra_epi32(x.0, count), _mm256_sra_epi32(x.1, count)))
    }
    #[inline(always)]
    fn store_low_bytes(self, x: I, out: &mut [i8; 16]) {
        here!({
            // The low byte of each lane to the low dword of its 128 bits, then those together.
            let pick = _mm256_setr_epi8(
                0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1,
                -1, -1, -1, -1, -1,
            );
            let gather = _mm256_setr_epi32(0, 4, 7, 7, 7, 7, 7, 7);
            let low = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(x.0, pick), gather);
            let high = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(x.1, pick), gather);
            let all = _mm_unpacklo_epi64(_mm256_castsi256_si128(low), _mm256_castsi256_si128(high));
            _mm_storeu_si128(out.as_mut_ptr().cast(), all);
        })
    }

    #[inline(always)]
    fn dot(self, acc: I, w: I, a: I) -> I {
        here!(I(_mm256_add_epi32(acc.0, quads(w.0, a.0)), _mm256_add_epi32(acc.1, quads(w.1, a.1))))
    }
    #[inline(always)]
    fn dot_biased(self, acc: I, w: I, a: I) -> I {
        // Signed times signed as magnitude times the other with its sign moved over: at most
        // 128 * 127 * 2, which fits an i16.
        let w = self.xor(w, self.splat_i32(0x8080_8080_u32 as i32));
        here!(I(
            _mm256_add_epi32(acc.0, quads(_mm256_abs_epi8(w.0), _mm256_sign_epi8(a.0, w.0))),
            _mm256_add_epi32(acc.1, quads(_mm256_abs_epi8(w.1), _mm256_sign_epi8(a.1, w.1)))
        ))
    }
    #[inline(always)]
    fn dot_i16(self, acc: I, a: I, b: I) -> I {
        here!(I(
            _mm256_add_epi32(acc.0, _mm256_madd_epi16(a.0, b.0)),
            _mm256_add_epi32(acc.1, _mm256_madd_epi16(a.1, b.1))
        ))
    }
}

impl Avx2 {
    #[inline(always)]
    fn xor(self, a: I, b: I) -> I {
        both!(I, _mm256_xor_si256, a, b)
    }
}
