//! The pool: every unit once, panics passed on, loops inside loops, many pools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use realm_kernels::Pool;

fn counts(pool: &Pool, units: usize, chunk_len: usize) -> Vec<usize> {
    let counts: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
    pool.run(units, chunk_len, |range| {
        assert!(!range.is_empty());
        let whole = range.start.is_multiple_of(chunk_len.max(1)) && range.len().is_multiple_of(chunk_len.max(1));
        assert!(whole || range.end == units, "{range:?} of {units} by {chunk_len}");
        for i in range {
            counts[i].fetch_add(1, Ordering::Relaxed);
        }
    });
    counts.into_iter().map(AtomicUsize::into_inner).collect()
}

#[test]
fn every_unit_once() {
    for threads in [0, 1, 2, 5] {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads.max(1));
        for units in [0, 1, 2, 7, 1000] {
            for chunk_len in [0, 1, 3, 1000, usize::MAX] {
                assert_eq!(counts(&pool, units, chunk_len), vec![1; units], "{threads} {units} {chunk_len}");
            }
        }
    }
}

#[test]
fn many_loops() {
    let pool = Pool::new(3);
    for i in 0..20_000 {
        assert_eq!(counts(&pool, 5, 1), [1; 5], "loop {i}");
    }
}

#[test]
fn sleeping_workers_do_not_lose_loops() {
    let pool = Pool::new(3);
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert_eq!(counts(&pool, 100, 1), [1; 100]);
    }
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    let pool = Pool::new(3);
    for bad in [0, 50, 99] {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.run(100, 1, |range| {
                if range.contains(&bad) {
                    panic!("unit {bad}");
                }
            });
        }));
        let payload = outcome.expect_err("the panic is passed on");
        assert_eq!(payload.downcast_ref::<String>(), Some(&format!("unit {bad}")));
        assert_eq!(counts(&pool, 100, 1), [1; 100]);
    }
}

#[test]
fn a_loop_inside_a_loop_runs_on_its_thread() {
    let pool = Pool::new(2);
    let total = AtomicUsize::new(0);
    pool.run(8, 1, |outer| {
        for _ in outer {
            pool.run(10, 1, |range| {
                total.fetch_add(range.len(), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(total.into_inner(), 80);
}

#[test]
fn two_callers_share_a_pool() {
    let pool = Pool::new(2);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    assert_eq!(counts(&pool, 6, 1), [1; 6]);
                }
            });
        }
    });
}

#[test]
fn memory_is_aligned_and_zero() {
    for len in [0, 1, 64, 100_000, 2 << 20, (5 << 20) + 3] {
        let mut memory = realm_kernels::Memory::zeroed(len).expect("memory");
        assert_eq!((memory.len(), memory.as_ptr() as usize % 64), (len, 0));
        assert!(memory.iter().all(|&byte| byte == 0));
        memory.fill(1);
    }
    assert!(
        realm_kernels::Memory::zeroed(usize::MAX / 2).is_none() && realm_kernels::Memory::zeroed(usize::MAX).is_none()
    );
}

#[test]
fn a_read_only_pass_reads_every_line() {
    for lines in [0, 1, 3, 4, 4096, 10_000] {
        let bytes: Vec<u8> = (0..lines * 64 + 5).map(|i| (i % 251) as u8).collect();
        let words = bytes[..lines * 64].chunks(4).map(|word| i32::from_le_bytes(word.try_into().unwrap()));
        let expected = words.fold(0, i32::wrapping_add);
        for isa in realm_kernels::Isa::all() {
            assert_eq!(realm_kernels::read_only(&Pool::with_isa(2, isa), &bytes), expected, "{lines} {isa:?}");
        }
    }
}
