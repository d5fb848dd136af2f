//! Matrix products: against f64 sums of the dequantised weights, and equal to the bit for any batch,
//! thread count and instruction set.

mod common;

use common::{Random, weights};
use realm_kernels::{
    Activations, Gate, InputKind, Isa, Layout, Matrix, PackError, Pool, Rows, WeightType, dequantize_row,
};
use realm_kernels::{matmul, matmul_gated};

/// Columns to test a type with: one block, an odd number of them, and a usual size.
fn column_counts(ty: WeightType) -> Vec<usize> {
    match ty.block_len() {
        1 => vec![1, 7, 64, 288],
        32 => vec![32, 96, 288, 512],
        _ => vec![256, 768],
    }
}

fn product(pool: &Pool, matrix: &Matrix, x: &[f32], m: usize) -> Vec<f32> {
    let mut activations = Activations::new();
    activations.prepare(pool, Rows::whole(x, m).unwrap(), matrix.input()).unwrap();
    let mut out = vec![f32::NAN; m * matrix.rows()];
    matmul(pool, matrix, &activations, &mut out).unwrap();
    out
}

fn gated_product(pool: &Pool, matrix: &Matrix, x: &[f32], m: usize, gate: Gate) -> Vec<f32> {
    let mut activations = Activations::new();
    activations.prepare(pool, Rows::whole(x, m).unwrap(), matrix.input()).unwrap();
    let mut out = vec![f32::NAN; m * matrix.rows() / 2];
    matmul_gated(pool, matrix, &activations, gate, &mut out).unwrap();
    out
}

fn dequantized(ty: WeightType, rows: usize, columns: usize, bytes: &[u8]) -> Vec<f32> {
    let mut out = vec![0.0; rows * columns];
    let row_bytes = ty.row_bytes(columns).unwrap();
    for (row, out) in bytes.chunks_exact(row_bytes).zip(out.chunks_exact_mut(columns)) {
        dequantize_row(ty, row, out).unwrap();
    }
    out
}

/// An activation may be off by half a step of its block's scale; a sum by all of its terms.
fn tolerance(kind: InputKind, w: &[f32], x: &[f32]) -> f64 {
    let block_len = kind.block_len();
    let rounding = f64::from(f32::EPSILON) * w.len() as f64;
    w.chunks(block_len)
        .zip(x.chunks(block_len))
        .map(|(w, x)| {
            let step = x.iter().fold(0.0, |max: f64, &x| max.max(f64::from(x.abs()))) / 127.0;
            let quantisation = if kind == InputKind::F32 { 0.0 } else { 0.501 * step };
            let w_sum: f64 = w.iter().map(|&w| f64::from(w.abs())).sum();
            let product: f64 = w.iter().zip(x).map(|(&w, &x)| f64::from((w * x).abs())).sum();
            // K-quants round twice on the way, at the size of scale * q and of the minimum alone.
            w_sum * quantisation + (4.0 * product + 64.0 * step * w_sum) * rounding
        })
        .sum()
}

fn check(ty: WeightType, rows: usize, columns: usize, m: usize) {
    let mut random = Random::new((rows * 31 + columns * 7 + m) as u64);
    let bytes = weights(ty, rows, columns, &mut random);
    let w = dequantized(ty, rows, columns, &bytes);
    let x = random.values(m * columns);
    let matrix = Matrix::pack(ty, rows, columns, &[&bytes], Layout::Stacked).unwrap();
    let out = product(&Pool::new(1), &matrix, &x, m);
    for i in 0..m {
        let x = &x[i * columns..][..columns];
        for j in 0..rows {
            let w = &w[j * columns..][..columns];
            let expected: f64 = w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
            let (actual, tolerance) = (f64::from(out[i * rows + j]), tolerance(matrix.input(), w, x));
            assert!(
                (actual - expected).abs() <= tolerance,
                "{ty:?} {rows}x{columns} m={m} at {i},{j}: {actual} is not {expected} +- {tolerance}"
            );
        }
    }
}

#[test]
fn agrees_with_f64() {
    for ty in WeightType::ALL {
        for columns in column_counts(ty) {
            check(ty, 37, columns, 3);
            check(ty, 16, columns, 1);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_batch_its_threads_or_the_instruction_set() {
    for ty in WeightType::ALL {
        let columns = column_counts(ty)[1];
        let (rows, m) = (170, 21);
        let mut random = Random::new(5);
        let matrix =
            Matrix::pack(ty, rows, columns, &[&weights(ty, rows, columns, &mut random)], Layout::Stacked).unwrap();
        let x = random.values(m * columns);
        let reference = product(&Pool::with_isa(1, Isa::all().next().unwrap()), &matrix, &x, m);
        for isa in Isa::all() {
            for threads in [1, 3] {
                let pool = Pool::with_isa(threads, isa);
                for count in [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 21] {
                    for start in [0, m - count] {
                        let out = product(&pool, &matrix, &x[start * columns..][..count * columns], count);
                        let expected = &reference[start * rows..][..count * rows];
                        let same = out.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
                        assert!(same, "{ty:?} rows {start}+{count} on {isa:?} with {threads} threads");
                    }
                }
            }
        }
    }
}

#[test]
fn gated_equals_its_two_halves() {
    for ty in WeightType::ALL {
        let (rows, columns, m) = (2 * 40, column_counts(ty)[0], 10);
        let mut random = Random::new(9);
        let (gate, up) = (weights(ty, rows / 2, columns, &mut random), weights(ty, rows / 2, columns, &mut random));
        let x = random.values(m * columns);
        let fused = Matrix::pack(ty, rows, columns, &[&gate, &up], Layout::Interleaved).unwrap();
        let stacked = Matrix::pack(ty, rows, columns, &[&gate, &up], Layout::Stacked).unwrap();
        for isa in Isa::all() {
            let pool = Pool::with_isa(2, isa);
            let both = product(&pool, &stacked, &x, m);
            assert_eq!(product(&pool, &fused, &x, m), both, "{ty:?}: rows keep their order");
            let out = gated_product(&pool, &fused, &x, m, Gate::Silu);
            for (out, both) in out.chunks(rows / 2).zip(both.chunks(rows)) {
                for (j, &out) in out.iter().enumerate() {
                    let (gate, up) = (f64::from(both[j]), f64::from(both[rows / 2 + j]));
                    let expected = gate / (1.0 + (-gate).exp()) * up;
                    assert!(
                        (f64::from(out) - expected).abs() <= 1e-6 * (expected.abs() + 1e-6),
                        "{ty:?}: {out} {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn rows_come_back_as_the_file_has_them() {
    for ty in WeightType::ALL {
        for layout in [Layout::Stacked, Layout::Interleaved] {
            let (rows, columns) = (46, column_counts(ty)[1]);
            let bytes = weights(ty, rows, columns, &mut Random::new(3));
            let parts = bytes.split_at(bytes.len() / 2);
            let matrix = Matrix::pack(ty, rows, columns, &[parts.0, parts.1], layout).unwrap();
            let expected = dequantized(ty, rows, columns, &bytes);
            for (i, expected) in expected.chunks(columns).enumerate() {
                let mut row = vec![0.0; columns];
                matrix.row_f32(i, &mut row).unwrap();
                assert_eq!(row, expected, "{ty:?} {layout:?} row {i}");
            }
            assert!(matrix.row_f32(rows, &mut vec![0.0; columns]).is_err());
            assert!(matrix.row_f32(0, &mut vec![0.0; columns + 1]).is_err());
        }
    }
}

#[test]
fn bad_sizes_are_errors() {
    let pack = |ty, rows, columns, parts: &[&[u8]], layout| {
        Matrix::pack(ty, rows, columns, parts, layout).map(|_| ()).unwrap_err()
    };
    let bytes = [0u8; 34 * 4];
    let (ty, stacked) = (WeightType::Q8_0, Layout::Stacked);
    assert_eq!(pack(ty, 4, 31, &[&bytes], stacked), PackError::Columns { ty, columns: 31, block_len: 32 });
    assert_eq!(pack(ty, 0, 32, &[&bytes], stacked), PackError::Empty { rows: 0, columns: 32, parts: 1 });
    assert_eq!(pack(ty, 4, 0, &[&bytes], stacked), PackError::Empty { rows: 4, columns: 0, parts: 1 });
    assert_eq!(pack(ty, 4, 32, &[], stacked), PackError::Empty { rows: 4, columns: 32, parts: 0 });
    assert_eq!(pack(ty, 3, 32, &[&bytes], stacked), PackError::Bytes { rows: 3, expected: 102, actual: 136 });
    assert_eq!(pack(ty, 4, 32, &[&bytes[..33]], stacked), PackError::Part { part: 0, bytes: 33, row_bytes: 34 });
    assert_eq!(pack(ty, 4, 32, &[&bytes], Layout::Interleaved), PackError::Interleave { parts: 1 });
    assert_eq!(pack(ty, 4, 32, &[&bytes[..34], &bytes[34..]], Layout::Interleaved), PackError::Interleave { parts: 2 });
    let huge = usize::MAX / 256 * 256;
    for ty in WeightType::ALL {
        assert!(Matrix::pack(ty, usize::MAX, huge, &[&bytes], stacked).is_err(), "{ty:?}");
    }
    assert!(dequantize_row(ty, &bytes, &mut [0.0; 32]).is_err());
    assert!(dequantize_row(ty, &bytes, &mut [0.0; 33]).is_err());

    let pool = Pool::new(1);
    let matrix = Matrix::pack(ty, 4, 32, &[&bytes], stacked).unwrap();
    let mut activations = Activations::new();
    let mut out = [0.0; 4];
    assert!(matmul(&pool, &matrix, &activations, &mut out).is_err(), "not prepared");
    assert!(activations.prepare(&pool, Rows::whole(&[0.0; 33], 1).unwrap(), InputKind::Block32).is_err());
    activations.prepare(&pool, Rows::whole(&[0.0; 32], 1).unwrap(), InputKind::F32).unwrap();
    assert!(matmul(&pool, &matrix, &activations, &mut out).is_err(), "prepared for floats");
    activations.prepare(&pool, Rows::whole(&[0.0; 64], 1).unwrap(), InputKind::Block32).unwrap();
    assert!(matmul(&pool, &matrix, &activations, &mut out).is_err(), "too many columns");
    activations.prepare(&pool, Rows::whole(&[0.0; 32], 1).unwrap(), InputKind::Block32).unwrap();
    assert!(matmul(&pool, &matrix, &activations, &mut out[..3]).is_err(), "output too small");
    assert!(matmul_gated(&pool, &matrix, &activations, Gate::Silu, &mut out[..2]).is_err(), "not interleaved");
    matmul(&pool, &matrix, &activations, &mut out).unwrap();
    activations.prepare(&pool, Rows::whole(&[], 0).unwrap(), InputKind::F32).unwrap();
}
