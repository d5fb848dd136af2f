//! Operations on each value by itself: activations, sums, caps.

use crate::Pool;
use crate::error::{ShapeError, expect};
use crate::isa::Op;
use crate::math;
use crate::rows::{Rows, RowsMut, Shared};
use crate::simd::{LANES, Simd, load_part, store_part};

/// Values in a chunk: some microseconds of work.
pub(crate) const CHUNK_VALUES: usize = 16 * 1024;

/// The nonlinearity of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// `x / (1 + e^-x)`: SwiGLU.
    Silu,
    /// GELU by tanh, as `gelu_new` and `gelu_pytorch_tanh`.
    GeluTanh,
    /// GELU by the error function.
    GeluErf,
    /// `max(x, 0)`.
    Relu,
}

impl Gate {
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        let (one, half) = (s.splat(1.0), s.splat(0.5));
        match self {
            Gate::Silu => s.div(x, s.add(one, math::exp(s, s.sub(s.splat(0.0), x)))),
            Gate::GeluTanh => {
                let inner = s.mul(x, s.fma(s.mul(x, x), s.splat(0.044_715), one));
                let tanh = math::tanh(s, s.mul(inner, s.splat(0.797_884_6)));
                s.mul(s.mul(half, x), s.add(one, tanh))
            }
            Gate::GeluErf => {
                let erf = math::erf(s, s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2)));
                s.mul(s.mul(half, x), s.add(one, erf))
            }
            Gate::Relu => s.max(x, s.splat(0.0)),
        }
    }
}

/// `out[i][j] = gate(gates[i][j]) * ups[i][j]`, for gates and ups that are not fused into their matrix.
///
/// # Errors
/// If the three have not the same shape.
pub fn gated(pool: &Pool, gate: Gate, gates: Rows<'_>, ups: Rows<'_>, out: RowsMut<'_>) -> Result<(), ShapeError> {
    let (rows, len) = (gates.count(), gates.row_len());
    expect("rows of ups", rows, ups.count())?;
    expect("values in a row of ups", len, ups.row_len())?;
    expect("rows of the output", rows, out.count())?;
    expect("values in a row of the output", len, out.row_len())?;
    pool.run(rows, CHUNK_VALUES.div_ceil(len.max(1)), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let out = unsafe { out.part(i, 0..len) };
            pool.isa().run(Binary { a: gates.row(i), b: ups.row(i), out, f: Glu(gate) });
        }
    });
    Ok(())
}

/// `x[i] = gate(x[i])`.
pub fn activate(pool: &Pool, gate: Gate, x: &mut [f32]) {
    map(pool, x, gate);
}

/// `x[i] = cap * tanh(x[i] / cap)`: keeps logits within `cap`.
pub fn softcap(pool: &Pool, cap: f32, x: &mut [f32]) {
    map(pool, x, Softcap(cap));
}

/// `x[i] *= factor`.
pub fn scale(pool: &Pool, factor: f32, x: &mut [f32]) {
    map(pool, x, Scale(factor));
}

/// `x[i] += y[i]`.
///
/// # Errors
/// If they have not the same length.
pub fn add(pool: &Pool, x: &mut [f32], y: &[f32]) -> Result<(), ShapeError> {
    expect("values to add", x.len(), y.len())?;
    let (len, shared) = (x.len(), Shared::new(x));
    pool.run(len, CHUNK_VALUES, |range| {
        // SAFETY: the pool gives every index to one chunk only.
        let x = unsafe { shared.slice(range.clone()) };
        pool.isa().run(AddTo { x, y: &y[range] });
    });
    Ok(())
}

/// `x[i][j] += bias[j]` for every row.
///
/// # Errors
/// If the bias has not a row's length.
pub fn add_bias(pool: &Pool, x: RowsMut<'_>, bias: &[f32]) -> Result<(), ShapeError> {
    let len = x.row_len();
    expect("values of a bias", len, bias.len())?;
    pool.run(x.count(), CHUNK_VALUES.div_ceil(len.max(1)), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let x = unsafe { x.part(i, 0..len) };
            pool.isa().run(AddTo { x, y: bias });
        }
    });
    Ok(())
}

/// A function of one value.
pub(crate) trait Map: Copy + Sync {
    fn at<S: Simd>(self, s: S, x: S::F) -> S::F;
}

impl Map for Gate {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, x: S::F) -> S::F {
        self.apply(s, x)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Softcap(pub f32);

impl Map for Softcap {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, x: S::F) -> S::F {
        s.mul(s.splat(self.0), math::tanh(s, s.div(x, s.splat(self.0))))
    }
}

#[derive(Clone, Copy)]
struct Scale(f32);

impl Map for Scale {
    #[inline(always)]
    fn at<S: Simd>(self, s: S, x: S::F) -> S::F {
        s.mul(x, s.splat(self.0))
    }
}

fn map(pool: &Pool, x: &mut [f32], f: impl Map) {
    let (len, shared) = (x.len(), Shared::new(x));
    pool.run(len, CHUNK_VALUES, |range| {
        // SAFETY: the pool gives every index to one chunk only.
        let x = unsafe { shared.slice(range) };
        pool.isa().run(Unary { x, f });
    });
}

struct Unary<'a, M> {
    x: &'a mut [f32],
    f: M,
}

impl<M: Map> Op for Unary<'_, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (whole, rest) = self.x.as_chunks_mut::<LANES>();
        for x in whole {
            s.store(self.f.at(s, s.load(x)), x);
        }
        store_part(s, self.f.at(s, load_part(s, rest, 0.0)), rest);
    }
}

/// `gate(a) * b`.
struct Glu(Gate);

struct Binary<'a> {
    a: &'a [f32],
    b: &'a [f32],
    out: &'a mut [f32],
    f: Glu,
}

impl Op for Binary<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let gate = self.f.0;
        let ((a, a_rest), (b, b_rest)) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        for ((a, b), out) in a.iter().zip(b).zip(out) {
            s.store(s.mul(gate.apply(s, s.load(a)), s.load(b)), out);
        }
        let (a, b) = (load_part(s, a_rest, 0.0), load_part(s, b_rest, 0.0));
        store_part(s, s.mul(gate.apply(s, a), b), out_rest);
    }
}

struct AddTo<'a> {
    x: &'a mut [f32],
    y: &'a [f32],
}

impl Op for AddTo<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for (x, y) in self.x.iter_mut().zip(self.y) {
            *x += y;
        }
    }
}
