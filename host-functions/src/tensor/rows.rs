//! Operations along the last dimension: softmax, norm, rotary embedding. Plain loops over rows; each
//! row is computed alone, in a fixed order, so the same bits come whatever else is in the tensor.

use super::work::{run, values};
use crate::error::HostError;
use candle_core::{Device, Tensor};

/// A new tensor of `x`'s shape from its values, changed in place by `change`.
fn mapped(name: &'static str, x: &Tensor, change: impl FnOnce(&mut [f32])) -> Result<Tensor, HostError> {
    run(name, &[x.dims()], || {
        let mut data = values(x)?;
        change(&mut data);
        Tensor::from_vec(data, x.dims(), &Device::Cpu)
    })
}

fn last_dim(x: &Tensor) -> usize {
    x.dims().last().copied().unwrap_or(1).max(1)
}

/// Softmax over the last dimension.
pub(super) fn softmax(x: &Tensor) -> Result<Tensor, HostError> {
    let row_len = last_dim(x);
    mapped("softmax", x, |data| {
        for row in data.chunks_exact_mut(row_len) {
            let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0f32;
            for value in row.iter_mut() {
                *value = (*value - greatest).exp();
                sum += *value;
            }
            row.iter_mut().for_each(|value| *value /= sum);
        }
    })
}

/// x * sigmoid(x).
pub(super) fn silu(x: &Tensor) -> Result<Tensor, HostError> {
    mapped("silu", x, |data| data.iter_mut().for_each(|value| *value /= 1.0 + (-*value).exp()))
}

/// Root-mean-square norm over the last dimension, times `weight`.
pub(super) fn rms_norm(x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor, HostError> {
    let row_len = last_dim(x);
    if weight.dims() != [row_len] {
        let (x, weight) = (x.dims(), weight.dims());
        return Err(HostError::invalid(format!("rms_norm of {x:?} needs a weight of [{row_len}], not {weight:?}")));
    }
    if !(epsilon.is_finite() && epsilon >= 0.0) {
        return Err(HostError::invalid(format!("{epsilon} is no epsilon of a norm")));
    }
    let weight = run("rms_norm", &[weight.dims()], || values(weight))?;
    mapped("rms_norm", x, |data| {
        for row in data.chunks_exact_mut(row_len) {
            let mean = row.iter().map(|value| value * value).sum::<f32>() / row_len as f32;
            let factor = 1.0 / (mean + epsilon).sqrt();
            row.iter_mut().zip(&weight).for_each(|(value, weight)| *value = *value * factor * weight);
        }
    })
}

/// Which values of a head are rotated together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RopePairs {
    /// Value 2i with value 2i + 1.
    Interleaved,
    /// Value i with the one half a head further.
    Halves,
}

/// Rotary embedding of `(positions, heads, head_length)`, its first row at position `start`.
pub(super) fn rope(x: &Tensor, start: u32, theta: f32, pairs: RopePairs) -> Result<Tensor, HostError> {
    let &[positions, heads, head_len] = x.dims() else {
        return Err(HostError::invalid(format!("rope takes (positions, heads, head_length), not {:?}", x.dims())));
    };
    if !head_len.is_multiple_of(2) {
        return Err(HostError::invalid(format!("rope of an odd head length, {head_len}")));
    }
    if !(theta.is_finite() && theta > 0.0) {
        return Err(HostError::invalid(format!("{theta} is no base of a rotary embedding")));
    }
    if u64::from(start) + positions as u64 > 1 << 32 {
        return Err(HostError::invalid(format!("{positions} positions from {start} on go past 2^32")));
    }
    let half = head_len / 2;
    let (stride, partner) = match pairs {
        RopePairs::Interleaved => (2, 1),
        RopePairs::Halves => (1, half),
    };
    mapped("rope", x, |data| {
        for (offset, row) in data.chunks_exact_mut(heads * head_len).enumerate() {
            let position = (u64::from(start) + offset as u64) as f32;
            let turns: Vec<(f32, f32)> =
                (0..half).map(|pair| (position * theta.powf(-2.0 * pair as f32 / head_len as f32)).sin_cos()).collect();
            for head in row.chunks_exact_mut(head_len) {
                for (pair, (sin, cos)) in turns.iter().enumerate() {
                    let (i, j) = (pair * stride, pair * stride + partner);
                    let (a, b) = (head[i], head[j]);
                    (head[i], head[j]) = (a * cos - b * sin, a * sin + b * cos);
                }
            }
        }
    })
}
