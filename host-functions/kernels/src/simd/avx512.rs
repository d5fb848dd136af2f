//! The vocabulary in AVX-512 with VNNI: a vector is one register.

use std::arch::x86_64::*;

use super::Simd;
use crate::isa::Op;

/// Exists only inside [`run`], so only where the instructions do.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

/// Runs `op` with these instructions, which are compiled into it.
///
/// # Safety
/// The machine has all features named here.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
pub(crate) unsafe fn run<O: Op>(op: O) -> O::Output {
    op.run(Avx512(()))
}

/// An expression of intrinsics.
macro_rules! here {
    ($e:expr) => {
        // SAFETY: an `Avx512` exists only where the instructions do; what is loaded from or stored
        // to is an array reference of the width of the access.
        unsafe { $e }
    };
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    const ROWS: usize = 8;
    const SUMS: usize = 16;
    const BIASED: bool = true;
    const HIGH_IN_PLACE: bool = true;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        here!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn load(self, x: &[f32; 16]) -> __m512 {
        here!(_mm512_loadu_ps(x.as_ptr()))
    }
    #[inline(always)]
    fn load_f16(self, x: &[u16; 16]) -> __m512 {
        here!(_mm512_cvtph_ps(_mm256_loadu_si256(x.as_ptr().cast())))
    }
    #[inline(always)]
    fn load_bf16(self, x: &[u16; 16]) -> __m512 {
        here!(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(
            x.as_ptr().cast()
        )))))
    }
    #[inline(always)]
    fn load_i8(self, x: &[i8; 16]) -> __m512 {
        here!(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(x.as_ptr().cast()))))
    }
    #[inline(always)]
    fn store(self, x: __m512, out: &mut [f32; 16]) {
        here!(_mm512_storeu_ps(out.as_mut_ptr(), x))
    }
    #[inline(always)]
    fn store_f16(self, x: __m512, out: &mut [u16; 16]) {
        here!(_mm256_storeu_si256(out.as_mut_ptr().cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x)))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        here!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        here!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        here!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        here!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        here!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        here!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        here!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn sum(self, x: __m512) -> f32 {
        here!({
            let x = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        })
    }
    #[inline(always)]
    fn max_lane(self, x: __m512) -> f32 {
        here!({
            let x = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x));
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)))
        })
    }
    #[inline(always)]
    fn round(self, x: __m512) -> __m512i {
        here!(_mm512_cvtps_epi32(x))
    }
    #[inline(always)]
    fn bits(self, x: __m512) -> __m512i {
        here!(_mm512_castps_si512(x))
    }
    #[inline(always)]
    fn floats(self, x: __m512i) -> __m512 {
        here!(_mm512_castsi512_ps(x))
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> __m512i {
        here!(_mm512_set1_epi32(x))
    }
    #[inline(always)]
    fn splat_bytes(self, x: &[i8; 4]) -> __m512i {
        here!(_mm512_set1_epi32(x.as_ptr().cast::<i32>().read_unaligned()))
    }
    #[inline(always)]
    fn splat_pair(self, x: &[i16; 2]) -> __m512i {
        here!(_mm512_set1_epi32(x.as_ptr().cast::<i32>().read_unaligned()))
    }
    #[inline(always)]
    fn load_bytes(self, x: &[u8; 64]) -> __m512i {
        here!(_mm512_loadu_si512(x.as_ptr().cast()))
    }
    #[inline(always)]
    fn load_signed(self, x: &[[i8; 4]; 16]) -> __m512i {
        here!(_mm512_loadu_si512(x.as_ptr().cast()))
    }
    #[inline(always)]
    fn to_f32(self, x: __m512i) -> __m512 {
        here!(_mm512_cvtepi32_ps(x))
    }
    #[inline(always)]
    fn add_i32(self, a: __m512i, b: __m512i) -> __m512i {
        here!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        here!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        here!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn or_and(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        here!(_mm512_ternarylogic_epi32::<0xf8>(a, b, c))
    }
    #[inline(always)]
    fn shl<const BITS: u32>(self, x: __m512i) -> __m512i {
        here!(_mm512_slli_epi32::<BITS>(x))
    }
    #[inline(always)]
    fn shr<const BITS: u32>(self, x: __m512i) -> __m512i {
        here!(_mm512_srli_epi32::<BITS>(x))
    }
    #[inline(always)]
    fn sar<const BITS: u32>(self, x: __m512i) -> __m512i {
        here!(_mm512_srai_epi32::<BITS>(x))
    }
    #[inline(always)]
    fn store_low_bytes(self, x: __m512i, out: &mut [i8; 16]) {
        here!(_mm_storeu_si128(out.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(x)))
    }

    #[inline(always)]
    fn dot(self, acc: __m512i, w: __m512i, a: __m512i) -> __m512i {
        here!(_mm512_dpbusd_epi32(acc, w, a))
    }
    #[inline(always)]
    fn dot_biased(self, acc: __m512i, w: __m512i, a: __m512i) -> __m512i {
        here!(_mm512_dpbusd_epi32(acc, w, a))
    }
    #[inline(always)]
    fn dot_i16(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        here!(_mm512_dpwssd_epi32(acc, a, b))
    }
}
