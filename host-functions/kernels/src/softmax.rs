//! Softmax of whole rows. For logits, choose the survivors first ([`top_k`](crate::top_k)).

use crate::Pool;
use crate::elementwise::CHUNK_VALUES;
use crate::error::ShapeError;
use crate::isa::Op;
use crate::math;
use crate::rows::RowsMut;
use crate::simd::{LANES, Simd, load_part, store_part};

/// Replaces each of `rows` equal rows of `x` by `e^(x - max) / sum`.
///
/// # Errors
/// If `x` does not divide into `rows` rows.
pub fn softmax(pool: &Pool, x: &mut [f32], rows: usize) -> Result<(), ShapeError> {
    let x = RowsMut::whole(x, rows)?;
    let len = x.row_len();
    if len == 0 {
        return Ok(());
    }
    pool.run(rows, CHUNK_VALUES.div_ceil(len), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let row = unsafe { x.part(i, 0..len) };
            pool.isa().run(Softmax { row });
        }
    });
    Ok(())
}

struct Softmax<'a> {
    row: &'a mut [f32],
}

impl Op for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut max = s.splat(f32::NEG_INFINITY);
        for x in self.row.chunks(LANES) {
            max = s.max(max, load_part(s, x, f32::NEG_INFINITY));
        }
        let max = s.splat(s.max_lane(max));
        let mut sum = s.splat(0.0);
        for x in self.row.chunks_mut(LANES) {
            let e = math::exp(s, s.sub(load_part(s, x, f32::NEG_INFINITY), max));
            sum = s.add(sum, e);
            store_part(s, e, x);
        }
        let inverse = 1.0 / s.sum(sum);
        for x in self.row {
            *x *= inverse;
        }
    }
}
