//! Where long host functions run, and that their processor time is the call's. Counted in processor time of threads, so
//! that a busy machine changes nothing.

use super::{
    guest::Guest,
    script::{Arg::*, SCRATCH, Script, script_blob},
};
use realm_primitives::abi::hash;
use realm_work::thread_cpu_time;
use std::time::Duration;

/// candle multiplied on rayon's global threads while the call's thread waited: 60 products took seconds of processor time
/// and were charged none, and the limit of processor time never ended such a call.
#[tokio::test(flavor = "multi_thread")]
async fn products_are_charged_their_processor_time() {
    const PRODUCTS: u32 = 30;
    const SIDE: u32 = 512;
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    let (shape, _) = script.data(&[1u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
    let (one, one_len) = script.data(&1f32.to_le_bytes());
    let single = script.step("tensor_new", &[shape, Is(2), one, one_len]);
    let row = script.step("repeat", &[Of(single), Is(1), Is(SIDE)]);
    let square = script.step("repeat", &[Of(row), Is(0), Is(SIDE)]);
    for _ in 0..PRODUCTS {
        script.step("candle_matmul", &[Of(square), Of(square), Is(0)]);
    }
    let played = script.play(&guest, &blob).await.unwrap();
    assert!(played.results.iter().all(|result| *result >= 0), "{:?}", played.results);
    // Even a processor that does 64 multiplications in each of 4 cycles of a nanosecond takes this long.
    let least = Duration::from_nanos(u64::from(SIDE).pow(3) * u64::from(PRODUCTS) / 256);
    assert!(played.usage.cpu_time >= least, "{:?} is less than {least:?}", played.usage.cpu_time);
}

/// A guest that hashed megabytes in a loop held the async worker that polled it for tens of milliseconds at a time, and
/// so the sockets and timers of all tenants. Here the only async worker is the test's own thread.
#[tokio::test]
async fn hashing_does_not_run_on_the_async_worker() {
    let guest = Guest::new();
    let blob = guest.compile(&script_blob());
    let mut script = Script::new();
    for _ in 0..400 {
        // All of the blob's memory.
        script.step("crypto_hash", &[Is(hash::KECCAK_256), Is(0), Is(256 << 10), Is(SCRATCH)]);
    }
    let before = thread_cpu_time();
    let played = script.play(&guest, &blob).await.unwrap();
    let worker = thread_cpu_time() - before;
    assert!(played.results.iter().all(|result| *result >= 0), "{:?}", played.results);
    let call = played.usage.cpu_time;
    assert!(worker < call / 4, "the async worker spent {worker:?} of the {call:?} that the call took");
}
