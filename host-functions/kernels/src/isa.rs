//! Which instructions this process uses: found once, carried as a value, overridable for tests.
//!
//! A kernel is written once, generic over [`Simd`], as an [`Op`]. `Isa::run` enters it through a
//! function compiled for the chosen instruction set, into which the whole kernel is inlined; so one
//! binary holds every variant and needs no build flags.

use crate::simd::{Portable, Simd};

/// An instruction set that a kernel has been compiled for, slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust, vectorised by the compiler as far as the target's baseline goes (NEON on ARM).
    Portable,
    /// AVX2, FMA and F16C: x86-64-v3.
    Avx2,
    /// AVX-512 F, BW, VL, DQ and VNNI.
    Avx512,
}

/// A level that this machine has been found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Level);

impl Isa {
    /// The best level of this machine.
    pub fn detect() -> Isa {
        [Level::Avx512, Level::Avx2].into_iter().find_map(Isa::new).unwrap_or(Isa(Level::Portable))
    }

    /// `level`, if this machine has it.
    pub fn new(level: Level) -> Option<Isa> {
        available(level).then_some(Isa(level))
    }

    /// Every level of this machine, slowest first.
    pub fn all() -> impl Iterator<Item = Isa> {
        [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter_map(Isa::new)
    }

    /// The level this is.
    pub fn level(self) -> Level {
        self.0
    }

    /// Runs `op` compiled for this level.
    #[inline]
    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        match self.0 {
            Level::Portable => op.run(Portable),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Isa` of this level exists only where `available` found its features.
            Level::Avx2 => unsafe { crate::simd::avx2::run(op) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Isa` of this level exists only where `available` found its features.
            Level::Avx512 => unsafe { crate::simd::avx512::run(op) },
            #[cfg(not(target_arch = "x86_64"))]
            _ => op.run(Portable),
        }
    }
}

/// A piece of work generic over the instruction set.
///
/// `run` must be `#[inline(always)]`, and so must everything it calls with `S`: code that is not
/// inlined is compiled without the instruction set.
pub(crate) trait Op {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
fn available(level: Level) -> bool {
    let avx2 =
        || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    match level {
        Level::Portable => true,
        Level::Avx2 => avx2(),
        Level::Avx512 => {
            avx2()
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vnni")
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn available(level: Level) -> bool {
    level == Level::Portable
}
