//! The matrix product. Quantised weights stay quantised: candle multiplies them block by block.

use super::{shape::Product, value::Value, weights::Unpacked, work::run};
use crate::{error::HostError, limits::TensorLimits};
use candle_core::{Module, Tensor};

/// Bytes that [`matmul`] allocates for a while: unpacked weights, and rows of `a` in a quantised weight's type.
pub(super) fn scratch_bytes(a: &Value, b: &Value, transposed: bool) -> Result<u64, HostError> {
    let b_bytes = match b {
        // Multiplied as it is in the file.
        Value::Weight(weight) if transposed && weight.is_quantised_matrix() => weight.uncached_bytes()?,
        b => b.unpacked_bytes()?,
    };
    let row_bytes = a.shape().iter().fold(4u64, |bytes, dim| bytes.saturating_mul(*dim as u64));
    Ok(a.unpacked_bytes()?.saturating_add(b_bytes).saturating_add(row_bytes))
}

/// `a · b` with dimensions that `product` has checked.
pub(super) fn matmul(
    a: &Value,
    b: &Value,
    transposed: bool,
    product: &Product,
    limits: &TensorLimits,
) -> Result<Tensor, HostError> {
    let shapes = [a.shape(), b.shape()];
    let x = a.dense(limits)?;
    if let (Value::Weight(weight), true) = (b, transposed)
        && weight.shape().len() == 2
        && let Unpacked::Quantised(weight) = weight.unpacked()?
    {
        return run("candle_matmul", &shapes, || weight.forward(&x));
    }
    let b = b.dense(limits)?;
    run("candle_matmul", &shapes, || {
        let b_rank = b.rank();
        let b = if transposed { b.transpose(b_rank - 2, b_rank - 1)? } else { b };
        if x.rank() == b_rank {
            return x.matmul(&b);
        }
        // One matrix for all leading dimensions: the rows of all of them are the rows of one product.
        let k = x.dim(candle_core::D::Minus1)?;
        x.reshape(((), k))?.matmul(&b)?.reshape(product.shape.as_slice())
    })
}
