//! Rotary positions: pairs of values turned by an angle that grows with the position.
//!
//! [`RopeFrequencies`] belong to a model, [`RopeAngles`] to one batch (all its layers), and [`rope`]
//! to one buffer of heads.

use crate::Pool;
use crate::elementwise::CHUNK_VALUES;
use crate::error::{ShapeError, expect};
use crate::isa::Op;
use crate::rows::RowsMut;
use crate::simd::Simd;

/// Which values of a head make a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeStyle {
    /// 2i and 2i + 1: llama's GGUF files.
    Interleaved,
    /// i and i + half: the files of qwen2, gemma and others ("neox").
    Halves,
}

/// How frequencies are stretched for longer contexts.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    None,
    /// All frequencies divided by this.
    Linear(f32),
    /// Each frequency divided by its own factor, one per pair (the tensor `rope_freqs.weight`).
    Factors(Vec<f32>),
    /// As `Factors`, and the angles' cosines and sines multiplied by `magnitude`.
    LongRope {
        factors: Vec<f32>,
        magnitude: f32,
    },
    /// Llama 3.1: low frequencies divided by `factor`, high ones kept, those between blended.
    Llama3 {
        factor: f32,
        low_frequency_factor: f32,
        high_frequency_factor: f32,
        original_context: u32,
    },
    /// YaRN: as Llama 3.1 by number of turns, and angles' cosines and sines scaled.
    Yarn {
        factor: f32,
        beta_fast: f32,
        beta_slow: f32,
        attention_factor: f32,
        original_context: u32,
    },
}

/// Radians per position of each pair.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeFrequencies {
    frequencies: Vec<f64>,
    /// What cosines and sines are multiplied by: 1 except for YaRN and LongRoPE.
    magnitude: f64,
}

impl RopeFrequencies {
    /// Of heads whose first `dims` values turn: pair i by `theta^(-2i / dims)` radians per position,
    /// scaled.
    ///
    /// # Errors
    /// If `dims` is odd, or the scaling has not one factor per pair.
    pub fn new(dims: usize, theta: f32, scaling: &RopeScaling) -> Result<Self, ShapeError> {
        expect("rotary dimensions in pairs", dims / 2 * 2, dims)?;
        let theta = f64::from(theta);
        let mut frequencies: Vec<f64> = (0..dims / 2).map(|i| theta.powf(-2.0 * i as f64 / dims as f64)).collect();
        let mut magnitude = 1.0;
        match scaling {
            RopeScaling::None => {}
            RopeScaling::Linear(factor) => frequencies.iter_mut().for_each(|f| *f /= f64::from(*factor)),
            RopeScaling::Factors(factors) => divide(&mut frequencies, factors)?,
            RopeScaling::LongRope { factors, magnitude: own } => {
                divide(&mut frequencies, factors)?;
                magnitude = f64::from(*own);
            }
            &RopeScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_context } => {
                let (low, high) = (f64::from(low_frequency_factor), f64::from(high_frequency_factor));
                for f in &mut frequencies {
                    let turns = *f * f64::from(original_context) / std::f64::consts::TAU;
                    let keep = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    *f = *f / f64::from(factor) * (1.0 - keep) + *f * keep;
                }
            }
            &RopeScaling::Yarn { factor, beta_fast, beta_slow, attention_factor, original_context } => {
                let factor = f64::from(factor);
                // The pair that makes `beta` turns within the original context.
                let pair = |beta: f32| {
                    let turns = f64::from(original_context) / (f64::from(beta) * std::f64::consts::TAU);
                    dims as f64 * turns.ln() / (2.0 * theta.ln())
                };
                let start = pair(beta_fast).floor().max(0.0);
                let end = pair(beta_slow).ceil().min(dims as f64 - 1.0);
                for (i, f) in frequencies.iter_mut().enumerate() {
                    let keep = 1.0 - ((i as f64 - start) / (end - start).max(0.001)).clamp(0.0, 1.0);
                    *f = *f / factor * (1.0 - keep) + *f * keep;
                }
                magnitude = f64::from(attention_factor) * (1.0 + 0.1 * factor.ln());
            }
        }
        Ok(RopeFrequencies { frequencies, magnitude })
    }

    /// Values of a head that turn.
    pub fn dims(&self) -> usize {
        self.frequencies.len() * 2
    }
}

fn divide(frequencies: &mut [f64], factors: &[f32]) -> Result<(), ShapeError> {
    expect("rotary frequency factors", frequencies.len(), factors.len())?;
    frequencies.iter_mut().zip(factors).for_each(|(f, factor)| *f /= f64::from(*factor));
    Ok(())
}

/// Cosine and sine of every pair at each of a batch's positions. Reuse it: its buffers only grow.
#[derive(Debug, Clone, Default)]
pub struct RopeAngles {
    rows: usize,
    pairs: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl RopeAngles {
    /// Empty; `prepare` fills it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The cosines of all rows' angles, one per pair, row after row.
    pub fn cosines(&self) -> &[f32] {
        &self.cosines
    }

    /// The sines, likewise.
    pub fn sines(&self) -> &[f32] {
        &self.sines
    }

    /// The angles of rows at `positions`, computed in f64.
    pub fn prepare(&mut self, frequencies: &RopeFrequencies, positions: &[u32]) {
        (self.rows, self.pairs) = (positions.len(), frequencies.frequencies.len());
        self.cosines.clear();
        self.sines.clear();
        for &position in positions {
            for frequency in &frequencies.frequencies {
                let (sine, cosine) = (f64::from(position) * frequency).sin_cos();
                self.cosines.push((cosine * frequencies.magnitude) as f32);
                self.sines.push((sine * frequencies.magnitude) as f32);
            }
        }
    }
}

/// Turns the first `2 * pairs` values of every head of every row; the head's other values stay.
///
/// `x` has as many rows as there are angles, each of some heads of `head_dim` values.
///
/// # Errors
/// If it has not, or heads are smaller than what turns.
pub fn rope(
    pool: &Pool,
    x: RowsMut<'_>,
    head_dim: usize,
    angles: &RopeAngles,
    style: RopeStyle,
) -> Result<(), ShapeError> {
    let (rows, len, pairs) = (x.count(), x.row_len(), angles.pairs);
    expect("rows to turn", angles.rows, rows)?;
    expect("values in whole heads", len.checked_div(head_dim).unwrap_or(0) * head_dim, len)?;
    if pairs * 2 > head_dim {
        return Err(ShapeError { what: "rotary dimensions of a head", expected: head_dim, actual: pairs * 2 });
    }
    pool.run(rows, CHUNK_VALUES.div_ceil(len.max(1)), |range| {
        for i in range {
            // SAFETY: each row is in one chunk only.
            let row = unsafe { x.part(i, 0..len) };
            let (cosines, sines) = (&angles.cosines[i * pairs..][..pairs], &angles.sines[i * pairs..][..pairs]);
            pool.isa().run(Turn { row, head_dim, cosines, sines, style });
        }
    });
    Ok(())
}

struct Turn<'a> {
    row: &'a mut [f32],
    head_dim: usize,
    cosines: &'a [f32],
    sines: &'a [f32],
    style: RopeStyle,
}

impl Op for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let pairs = self.cosines.len();
        for head in self.row.chunks_exact_mut(self.head_dim) {
            let head = &mut head[..2 * pairs];
            match self.style {
                RopeStyle::Interleaved => {
                    let (head, _) = head.as_chunks_mut::<2>();
                    for ((pair, c), s) in head.iter_mut().zip(self.cosines).zip(self.sines) {
                        let [x, y] = *pair;
                        *pair = [x * c - y * s, x * s + y * c];
                    }
                }
                RopeStyle::Halves => {
                    let (first, second) = head.split_at_mut(pairs);
                    for (((x, y), c), s) in first.iter_mut().zip(second).zip(self.cosines).zip(self.sines) {
                        (*x, *y) = (*x * c - *y * s, *x * s + *y * c);
                    }
                }
            }
        }
    }
}
