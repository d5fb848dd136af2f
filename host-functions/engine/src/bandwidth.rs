//! How fast this machine reads memory: the limit that decoding one stream cannot pass, because every
//! token reads every weight.

use realm_kernels::{Pool, read_only};
use std::{hint::black_box, time::Instant};

/// Bytes read per second by `threads` threads in a read-only pass over `bytes` of memory: the median of
/// `rounds` passes. Give more bytes than the processor's caches hold.
pub fn read_bytes_per_second(threads: usize, bytes: usize, rounds: usize) -> f64 {
    let pool = Pool::new(threads);
    // Written, so that every page is memory of its own.
    let memory = vec![1u8; bytes];
    let mut seconds: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let began = Instant::now();
            black_box(read_only(&pool, &memory));
            began.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    bytes as f64 / seconds[seconds.len() / 2]
}
