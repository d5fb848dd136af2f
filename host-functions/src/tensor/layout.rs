//! Operations that move values: reshape, transpose, narrow, concat, repeat, sums and products with
//! broadcasting. Each result owns its storage and is contiguous, so that the bytes a call holds are
//! the bytes its handles count; a view would keep the whole of what it looks at alive.

use super::{shape, work::run};
use crate::{error::HostError, limits::TensorLimits};
use candle_core::Tensor;

/// A checked operation: how many values its result has, and what makes it.
pub(super) struct Planned {
    pub elements: u64,
    pub make: Box<dyn FnOnce() -> Result<Tensor, HostError> + Send>,
}

fn planned(
    name: &'static str,
    shapes: Vec<Vec<usize>>,
    result: &[usize],
    limits: &TensorLimits,
    make: impl FnOnce() -> candle_core::Result<Tensor> + Send + 'static,
) -> Result<Planned, HostError> {
    let elements = shape::elements(result, limits)?;
    let make = Box::new(move || {
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        run(name, &shapes, || make()?.force_contiguous())
    });
    Ok(Planned { elements, make })
}

/// Elementwise sum with broadcasting.
pub(super) fn add(a: &Tensor, b: &Tensor, limits: &TensorLimits) -> Result<Planned, HostError> {
    let result = shape::broadcast(a.dims(), b.dims())?;
    let (a, b) = (a.clone(), b.clone());
    planned("add", shapes(&[&a, &b]), &result, limits, move || a.broadcast_add(&b))
}

/// Elementwise product with broadcasting.
pub(super) fn mul(a: &Tensor, b: &Tensor, limits: &TensorLimits) -> Result<Planned, HostError> {
    let result = shape::broadcast(a.dims(), b.dims())?;
    let (a, b) = (a.clone(), b.clone());
    planned("mul", shapes(&[&a, &b]), &result, limits, move || a.broadcast_mul(&b))
}

/// Product with a number.
pub(super) fn scale(a: &Tensor, factor: f32, limits: &TensorLimits) -> Result<Planned, HostError> {
    let x = a.clone();
    planned("scale", shapes(&[a]), a.dims(), limits, move || x.affine(factor.into(), 0.0))
}

/// The same values in another shape.
pub(super) fn reshape(a: &Tensor, dims: Vec<usize>, limits: &TensorLimits) -> Result<Planned, HostError> {
    if shape::elements(&dims, limits)? != a.elem_count() as u64 {
        let (from, count) = (a.dims(), a.elem_count());
        return Err(HostError::invalid(format!("{from:?} has {count} values, which is not what {dims:?} takes")));
    }
    let x = a.clone();
    planned("reshape", shapes(&[a]), &dims.clone(), limits, move || x.reshape(dims))
}

/// Two dimensions swapped.
pub(super) fn transpose(a: &Tensor, d0: u32, d1: u32, limits: &TensorLimits) -> Result<Planned, HostError> {
    let (d0, d1) = (shape::dimension(a.dims(), d0)?, shape::dimension(a.dims(), d1)?);
    let x = a.clone();
    planned("transpose", shapes(&[a]), a.dims(), limits, move || x.transpose(d0, d1))
}

/// `len` entries of `dim` from `start` on.
pub(super) fn narrow(a: &Tensor, dim: u32, start: u32, len: u32, limits: &TensorLimits) -> Result<Planned, HostError> {
    let dim = shape::dimension(a.dims(), dim)?;
    let mut result = a.dims().to_vec();
    let (start, len) = (start as usize, len as usize);
    if start.checked_add(len).is_none_or(|end| end > result[dim]) {
        return Err(HostError::invalid(format!(
            "{len} entries from {start} on are not in dimension {dim} of {result:?}"
        )));
    }
    result[dim] = len;
    let x = a.clone();
    planned("narrow", shapes(&[a]), &result, limits, move || x.narrow(dim, start, len))
}

/// `b` after `a` along `dim`.
pub(super) fn concat(a: &Tensor, b: &Tensor, dim: u32, limits: &TensorLimits) -> Result<Planned, HostError> {
    let dim = shape::dimension(a.dims(), dim)?;
    let fits =
        a.rank() == b.rank() && a.dims().iter().zip(b.dims()).enumerate().all(|(index, (x, y))| index == dim || x == y);
    if !fits {
        return Err(HostError::invalid(format!("{:?} and {:?} do not join along dimension {dim}", a.dims(), b.dims())));
    }
    let mut result = a.dims().to_vec();
    result[dim] = result[dim].saturating_add(b.dims()[dim]);
    let (a, b) = (a.clone(), b.clone());
    planned("concat", shapes(&[&a, &b]), &result, limits, move || Tensor::cat(&[&a, &b], dim))
}

/// Every entry of `dim` repeated `times` in place.
pub(super) fn repeat(a: &Tensor, dim: u32, times: u32, limits: &TensorLimits) -> Result<Planned, HostError> {
    let dim = shape::dimension(a.dims(), dim)?;
    let times = times as usize;
    let mut result = a.dims().to_vec();
    result[dim] = result[dim].saturating_mul(times);
    let (x, dims) = (a.clone(), result.clone());
    planned("repeat", shapes(&[a]), &result, limits, move || {
        // An extra dimension after `dim`, broadcast, and merged into it again.
        let mut wide = x.dims().to_vec();
        wide.insert(dim + 1, times);
        x.unsqueeze(dim + 1)?.broadcast_as(wide)?.force_contiguous()?.reshape(dims)
    })
}

fn shapes(tensors: &[&Tensor]) -> Vec<Vec<usize>> {
    tensors.iter().map(|tensor| tensor.dims().to_vec()).collect()
}
