//! How fast weights are read and multiplied: for each type, GB/s of packed weights at one row beside
//! a read-only pass over the same bytes in the same run, and multiply-adds per second at 1, 8 and
//! 128 rows. Medians of interleaved rounds.
//!
//! `cargo bench -p realm-kernels -- [threads] [rows of weights] [columns] [types, by commas]`

use std::hint::black_box;
use std::time::Instant;

use realm_kernels::{Activations, Layout, Matrix, Pool, Rows, WeightType, matmul, read_only};

/// Matrices in turn, so that weights come from memory and not from a cache.
const COPIES_BYTES: usize = 300 << 20;
const ROUNDS: usize = 9;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |i: usize, default: usize| args.get(i).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let (threads, rows, columns) = (number(0, 2), number(1, 5632), number(2, 2048));
    let chosen = |ty: &WeightType| match args.get(3) {
        Some(types) => types.split(',').any(|name| name.eq_ignore_ascii_case(&format!("{ty:?}"))),
        None => ty.packed() == *ty,
    };
    let pool = Pool::new(threads);
    println!("{rows} x {columns}, {threads} threads, {:?}", pool.isa().level());
    println!("type    read GB/s   m=1 GB/s  fraction   GMAC/s m=1     m=8   m=128");
    for ty in WeightType::ALL.into_iter().filter(chosen) {
        measure(&pool, ty, rows, columns);
    }
}

fn measure(pool: &Pool, ty: WeightType, rows: usize, columns: usize) {
    let matrices = matrices(ty, rows, columns);
    let bytes = matrices[0].bytes() as f64;
    let x: Vec<f32> = (0..128 * columns).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let mut times = [const { Vec::new() }; 4];
    let mut out = vec![0.0; 128 * rows];
    let mut activations = Activations::new();
    for _ in 0..ROUNDS {
        times[0].push(seconds_each(matrices.len(), |i| {
            black_box(read_only(pool, matrices[i].as_bytes()));
        }));
        for (times, m) in times[1..].iter_mut().zip([1, 8, 128]) {
            let x = Rows::whole(&x[..m * columns], m).expect("m rows");
            activations.prepare(pool, x, matrices[0].input()).expect("whole blocks");
            let count = if m == 128 { 2.min(matrices.len()) } else { matrices.len() };
            times.push(seconds_each(count, |i| {
                matmul(pool, &matrices[i], &activations, &mut out[..m * rows]).expect("shapes agree");
            }));
        }
    }
    let [read, one, eight, many] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    let macs = |m: f64, seconds: f64| m * (rows * columns) as f64 / seconds / 1e9;
    println!(
        "{:<6} {:>10.1} {:>10.1} {:>9.2} {:>12.1} {:>7.1} {:>7.1}",
        format!("{ty:?}"),
        bytes / read / 1e9,
        bytes / one / 1e9,
        read / one,
        macs(1.0, one),
        macs(8.0, eight),
        macs(128.0, many)
    );
}

fn matrices(ty: WeightType, rows: usize, columns: usize) -> Vec<Matrix> {
    let row_bytes = ty.row_bytes(columns).expect("whole blocks");
    let mut bytes = vec![0; rows * row_bytes];
    let mut pack = |copy: usize| {
        // Each copy is its own, or a hypervisor that shares equal pages makes a cache of them. Any bytes
        // are weights, and all take the same time but for denormals and NaN, which these bytes, between
        // 32 and 63, are not in any type.
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = ((copy * rows * row_bytes + i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8 & 0x3f | 0x20;
        }
        Matrix::pack(ty, rows, columns, &[&bytes], Layout::Stacked).expect("whole rows")
    };
    let first = pack(0);
    let copies = (COPIES_BYTES / first.bytes()).max(1);
    std::iter::once(first).chain((1..copies).map(pack)).collect()
}

fn seconds_each(count: usize, mut f: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    (0..count).for_each(&mut f);
    start.elapsed().as_secs_f64() / count as f64
}
