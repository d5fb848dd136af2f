//! Normalisation of rows: by the root mean square, or by mean and variance.

use crate::Pool;
use crate::elementwise::CHUNK_VALUES;
use crate::error::{ShapeError, expect};
use crate::isa::Op;
use crate::rows::{Rows, RowsMut};
use crate::simd::{LANES, Simd, load_part, store_part};

/// `out[i][j] = x[i][j] / sqrt(mean(x[i]^2) + epsilon) * weight[j]`.
///
/// # Errors
/// If the shapes differ, or `weight` has not a row's length.
pub fn rms_norm(pool: &Pool, x: Rows<'_>, weight: &[f32], epsilon: f32, out: RowsMut<'_>) -> Result<(), ShapeError> {
    let len = check(&x, weight, &out)?;
    pool.run(x.count(), CHUNK_VALUES.div_ceil(len.max(1)), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let out = unsafe { out.part(i, 0..len) };
            pool.isa().run(Rms { x: x.row(i), weight, epsilon, out });
        }
    });
    Ok(())
}

/// [`rms_norm`] in place of each run of `weight.len()` values of each row: every attention head.
///
/// # Errors
/// If a row is not a whole number of such runs.
pub fn rms_norm_heads(pool: &Pool, x: RowsMut<'_>, weight: &[f32], epsilon: f32) -> Result<(), ShapeError> {
    let (len, head) = (x.row_len(), weight.len());
    expect("values in a row of heads", len.checked_div(head).unwrap_or(0) * head, len)?;
    pool.run(x.count(), CHUNK_VALUES.div_ceil(len.max(1)), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let row = unsafe { x.part(i, 0..len) };
            for x in row.chunks_exact_mut(head) {
                pool.isa().run(RmsInPlace { x, weight, epsilon });
            }
        }
    });
    Ok(())
}

/// `out[i][j] = (x[i][j] - mean) / sqrt(variance + epsilon) * weight[j] + bias[j]`.
///
/// # Errors
/// If the shapes differ, or `weight` or `bias` has not a row's length.
pub fn layer_norm(
    pool: &Pool,
    x: Rows<'_>,
    weight: &[f32],
    bias: &[f32],
    epsilon: f32,
    out: RowsMut<'_>,
) -> Result<(), ShapeError> {
    let len = check(&x, weight, &out)?;
    expect("values of a norm's bias", len, bias.len())?;
    pool.run(x.count(), CHUNK_VALUES.div_ceil(len.max(1)), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let out = unsafe { out.part(i, 0..len) };
            pool.isa().run(Layer { x: x.row(i), weight, bias, epsilon, out });
        }
    });
    Ok(())
}

fn check(x: &Rows<'_>, weight: &[f32], out: &RowsMut<'_>) -> Result<usize, ShapeError> {
    let len = x.row_len();
    expect("values of a norm's weight", len, weight.len())?;
    expect("rows of the output", x.count(), out.count())?;
    expect("values in a row of the output", len, out.row_len())?;
    Ok(len)
}

/// The sum of `(x - offset)^2`, in four chains of sixteen lanes.
#[inline(always)]
fn sum_of_squares<S: Simd>(s: S, x: &[f32], offset: f32) -> f32 {
    let offset_lanes = s.splat(offset);
    let mut chains = [s.splat(0.0); 4];
    let (fours, rest) = x.as_chunks::<{ 4 * LANES }>();
    for four in fours {
        let (four, _) = four.as_chunks::<LANES>();
        for (chain, x) in chains.iter_mut().zip(four) {
            let x = s.sub(s.load(x), offset_lanes);
            *chain = s.fma(x, x, *chain);
        }
    }
    for (chain, x) in chains.iter_mut().zip(rest.chunks(LANES)) {
        let x = s.sub(load_part(s, x, offset), offset_lanes);
        *chain = s.fma(x, x, *chain);
    }
    s.sum(s.add(s.add(chains[0], chains[1]), s.add(chains[2], chains[3])))
}

/// The sum of `x`, in four chains of sixteen lanes.
#[inline(always)]
fn sum<S: Simd>(s: S, x: &[f32]) -> f32 {
    let mut chains = [s.splat(0.0); 4];
    let (fours, rest) = x.as_chunks::<{ 4 * LANES }>();
    for four in fours {
        let (four, _) = four.as_chunks::<LANES>();
        for (chain, x) in chains.iter_mut().zip(four) {
            *chain = s.add(s.load(x), *chain);
        }
    }
    for (chain, x) in chains.iter_mut().zip(rest.chunks(LANES)) {
        *chain = s.add(load_part(s, x, 0.0), *chain);
    }
    s.sum(s.add(s.add(chains[0], chains[1]), s.add(chains[2], chains[3])))
}

struct Rms<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl Op for Rms<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mean = sum_of_squares(s, self.x, 0.0) / self.x.len() as f32;
        let factor = 1.0 / (mean + self.epsilon).sqrt();
        for ((out, x), weight) in self.out.iter_mut().zip(self.x).zip(self.weight) {
            *out = x * factor * weight;
        }
    }
}

struct RmsInPlace<'a> {
    x: &'a mut [f32],
    weight: &'a [f32],
    epsilon: f32,
}

impl Op for RmsInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mean = sum_of_squares(s, self.x, 0.0) / self.x.len() as f32;
        let factor = 1.0 / (mean + self.epsilon).sqrt();
        for (x, weight) in self.x.iter_mut().zip(self.weight) {
            *x = *x * factor * weight;
        }
    }
}

struct Layer<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl Op for Layer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.x.len() as f32;
        let mean = sum(s, self.x) / count;
        let factor = 1.0 / (sum_of_squares(s, self.x, mean) / count + self.epsilon).sqrt();
        let (mean, factor) = (s.splat(mean), s.splat(factor));
        for i in (0..self.x.len()).step_by(LANES) {
            let end = (i + LANES).min(self.x.len());
            let x = s.mul(s.sub(load_part(s, &self.x[i..end], 0.0), mean), factor);
            let y = s.fma(x, load_part(s, &self.weight[i..end], 0.0), load_part(s, &self.bias[i..end], 0.0));
            store_part(s, y, &mut self.out[i..end]);
        }
    }
}
