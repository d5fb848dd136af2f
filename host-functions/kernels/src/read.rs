//! A read-only pass over memory: the speed that no kernel bound by memory can beat.

use std::sync::atomic::{AtomicI32, Ordering};

use crate::Pool;
use crate::formats::prefetch;
use crate::isa::Op;
use crate::simd::Simd;

/// Cache lines in a chunk.
const CHUNK_LINES: usize = 4096;

/// Reads every whole cache line of `bytes` once, on all threads, as the matrix kernels read weights.
/// Returns a checksum, so that the reads have a purpose.
pub fn read_only(pool: &Pool, bytes: &[u8]) -> i32 {
    let (lines, _) = bytes.as_chunks::<64>();
    let checksum = AtomicI32::new(0);
    pool.run(lines.len(), CHUNK_LINES, |range| {
        checksum.fetch_add(pool.isa().run(Read { lines: &lines[range] }), Ordering::Relaxed);
    });
    checksum.into_inner()
}

struct Read<'a> {
    lines: &'a [[u8; 64]],
}

impl Op for Read<'_> {
    type Output = i32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> i32 {
        let mut chains = [s.splat_i32(0); 4];
        let (fours, rest) = self.lines.as_chunks::<4>();
        for four in fours {
            for (chain, line) in chains.iter_mut().zip(four) {
                prefetch(line, 1);
                *chain = s.add_i32(*chain, s.load_bytes(line));
            }
        }
        for (chain, line) in chains.iter_mut().zip(rest) {
            *chain = s.add_i32(*chain, s.load_bytes(line));
        }
        let sum = s.add_i32(s.add_i32(chains[0], chains[1]), s.add_i32(chains[2], chains[3]));
        let mut lanes = [0.0; 16];
        s.store(s.floats(sum), &mut lanes);
        lanes.iter().fold(0, |sum: i32, lane| sum.wrapping_add(lane.to_bits() as i32))
    }
}
