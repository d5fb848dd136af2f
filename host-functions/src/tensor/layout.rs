//! Operations that move values: reshape, transpose, narrow, concat, repeat, sums and products with
//! broadcasting. Each result owns its storage and is contiguous, so that the bytes a call holds are
//! the bytes its handles count; a view would keep the whole of what it looks at alive.

use super::{shape, work::run};
use crate::{error::HostError, limits::TensorLimits};
use candle_core::Tensor;

/// A checked operation: how many values its result has, and what makes it.
pub(super) struct Planned<'a> {
    pub elements: u64,
    pub make: Box<dyn FnOnce() -> Result<Tensor, HostError> + 'a>,
}

fn planned<'a>(
    name: &'static str,
    shapes: Vec<Vec<usize>>,
    result: &[usize],
    limits: &TensorLimits,
    make: impl FnOnce() -> candle_core::Result<Tensor> + 'a,
) -> Result<Planned<'a>, HostError> {
    let elements = shape::elements(result, limits)?;
    let make = Box::new(move || {
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        run(name, &shapes, elements, || make()?.force_contiguous())
    });
    Ok(Planned { elements, make })
}

/// Elementwise sum with broadcasting.
pub(super) fn add<'a>(a: &'a Tensor, b: &'a Tensor, limits: &TensorLimits) -> Result<Planned<'a>, HostError> {
    let result = shape::broadcast(a.dims(), b.dims())?;
    planned("add", shapes(&[a, b]), &result, limits, || a.broadcast_add(b))
}

/// Elementwise product with broadcasting.
pub(super) fn mul<'a>(a: &'a Tensor, b: &'a Tensor, limits: &TensorLimits) -> Result<Planned<'a>, HostError> {
    let result = shape::broadcast(a.dims(), b.dims())?;
    planned("mul", shapes(&[a, b]), &result, limits, || a.broadcast_mul(b))
}

/// Product with a number.
pub(super) fn scale<'a>(a: &'a Tensor, factor: f32, limits: &TensorLimits) -> Result<Planned<'a>, HostError> {
    planned("scale", shapes(&[a]), a.dims(), limits, move || a.affine(factor.into(), 0.0))
}

/// The same values in another shape.
pub(super) fn reshape<'a>(a: &'a Tensor, dims: Vec<usize>, limits: &TensorLimits) -> Result<Planned<'a>, HostError> {
    if shape::elements(&dims, limits)? != a.elem_count() as u64 {
        let (from, count) = (a.dims(), a.elem_count());
        return Err(HostError::invalid(format!("{from:?} has {count} values, which is not what {dims:?} takes")));
    }
    planned("reshape", shapes(&[a]), &dims.clone(), limits, move || a.reshape(dims))
}

/// Two dimensions swapped.
pub(super) fn transpose<'a>(a: &'a Tensor, d0: u32, d1: u32, limits: &TensorLimits) -> Result<Planned<'a>, HostError> {
    let (d0, d1) = (shape::dimension(a.dims(), d0)?, shape::dimension(a.dims(), d1)?);
    planned("transpose", shapes(&[a]), a.dims(), limits, move || a.transpose(d0, d1))
}

/// `len` entries of `dim` from `start` on.
pub(super) fn narrow<'a>(
    a: &'a Tensor,
    dim: u32,
    start: u32,
    len: u32,
    limits: &TensorLimits,
) -> Result<Planned<'a>, HostError> {
    let dim = shape::dimension(a.dims(), dim)?;
    let mut result = a.dims().to_vec();
    let (start, len) = (start as usize, len as usize);
    if start.checked_add(len).is_none_or(|end| end > result[dim]) {
        return Err(HostError::invalid(format!(
            "{len} entries from {start} on are not in dimension {dim} of {result:?}"
        )));
    }
    result[dim] = len;
    planned("narrow", shapes(&[a]), &result, limits, move || a.narrow(dim, start, len))
}

/// `b` after `a` along `dim`.
pub(super) fn concat<'a>(
    a: &'a Tensor,
    b: &'a Tensor,
    dim: u32,
    limits: &TensorLimits,
) -> Result<Planned<'a>, HostError> {
    let dim = shape::dimension(a.dims(), dim)?;
    let fits =
        a.rank() == b.rank() && a.dims().iter().zip(b.dims()).enumerate().all(|(index, (x, y))| index == dim || x == y);
    if !fits {
        return Err(HostError::invalid(format!("{:?} and {:?} do not join along dimension {dim}", a.dims(), b.dims())));
    }
    let mut result = a.dims().to_vec();
    result[dim] = result[dim].saturating_add(b.dims()[dim]);
    planned("concat", shapes(&[a, b]), &result, limits, move || Tensor::cat(&[a, b], dim))
}

/// Every entry of `dim` repeated `times` in place.
pub(super) fn repeat<'a>(a: &'a Tensor, dim: u32, times: u32, limits: &TensorLimits) -> Result<Planned<'a>, HostError> {
    let dim = shape::dimension(a.dims(), dim)?;
    let times = times as usize;
    let mut result = a.dims().to_vec();
    result[dim] = result[dim].saturating_mul(times);
    let dims = result.clone();
    planned("repeat", shapes(&[a]), &result, limits, move || {
        // An extra dimension after `dim`, broadcast, and merged into it again.
        let mut wide = a.dims().to_vec();
        wide.insert(dim + 1, times);
        a.unsqueeze(dim + 1)?.broadcast_as(wide)?.force_contiguous()?.reshape(dims)
    })
}

fn shapes(tensors: &[&Tensor]) -> Vec<Vec<usize>> {
    tensors.iter().map(|tensor| tensor.dims().to_vec()).collect()
}
