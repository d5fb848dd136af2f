//! Checks of dimensions. They are done on numbers alone, before anything is allocated.

use crate::{error::HostError, limits::TensorLimits};

/// Number of values of a shape, if it is one that a tensor may have: 1 to `rank_max` dimensions, none
/// of them 0, and no more values than all tensors of a call may have.
pub(super) fn elements(shape: &[usize], limits: &TensorLimits) -> Result<u64, HostError> {
    if shape.is_empty() {
        return Err(HostError::invalid("a tensor has at least one dimension"));
    }
    HostError::check_limit("dimensions of a tensor", shape.len() as u64, limits.rank_max.into())?;
    if shape.contains(&0) {
        return Err(HostError::invalid(format!("the shape {shape:?} has an empty dimension")));
    }
    let count = shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim as u64)).unwrap_or(u64::MAX);
    HostError::check_limit("bytes of a tensor", count.saturating_mul(4), limits.bytes_max)?;
    Ok(count)
}

/// Dimension `dim` of a shape.
pub(super) fn dimension(shape: &[usize], dim: u32) -> Result<usize, HostError> {
    let index = dim as usize;
    if index < shape.len() {
        return Ok(index);
    }
    Err(HostError::invalid(format!("the shape {shape:?} has no dimension {dim}")))
}

/// The shape that both shapes broadcast to: aligned at the end, equal or 1.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, HostError> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], place: usize| (place + shape.len()).checked_sub(rank).map_or(1, |index| shape[index]);
    (0..rank)
        .map(|place| match (at(a, place), at(b, place)) {
            (x, y) if x == y || y == 1 => Ok(x),
            (1, y) => Ok(y),
            _ => Err(HostError::invalid(format!("the shapes {a:?} and {b:?} do not broadcast"))),
        })
        .collect()
}

/// A matrix product's dimensions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Product {
    /// The result's shape.
    pub shape: Vec<usize>,
    /// Multiplications it takes.
    pub multiplications: u64,
}

/// Checks `a (.., m, k) · b`, where `b` is `(.., k, n)`, or `(.., n, k)` if `transposed`. The leading
/// dimensions are equal, or `b` has none.
pub(super) fn product(a: &[usize], b: &[usize], transposed: bool, limits: &TensorLimits) -> Result<Product, HostError> {
    let unfit = || {
        let way = if transposed { " transposed" } else { "" };
        HostError::invalid(format!("the shapes {a:?} and {b:?}{way} do not multiply"))
    };
    let ([a_leading @ .., m, k], [b_leading @ .., b0, b1]) = (a, b) else { return Err(unfit()) };
    let (n, b_k) = if transposed { (b0, b1) } else { (b1, b0) };
    if k != b_k || !(b_leading.is_empty() || a_leading == b_leading) {
        return Err(unfit());
    }
    let shape: Vec<usize> = a_leading.iter().chain([m, n]).copied().collect();
    let multiplications = elements(&shape, limits)?.saturating_mul(*k as u64);
    HostError::check_limit("multiplications of a matrix product", multiplications, limits.multiplications_max)?;
    Ok(Product { shape, multiplications })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_bounded_before_anything_is_made() {
        let limits = TensorLimits { rank_max: 3, bytes_max: 1024, ..TensorLimits::default() };
        let check = |shape: &[usize], expected: Option<u64>| {
            assert_eq!(elements(shape, &limits).ok(), expected, "{shape:?}");
        };
        check(&[4, 8, 8], Some(256));
        check(&[257], None);
        check(&[], None);
        check(&[1, 1, 1, 1], None);
        check(&[3, 0], None);
        check(&[usize::MAX, usize::MAX], None);
        check(&[1 << 40, 1 << 40], None);
    }

    #[test]
    fn broadcasting_aligns_at_the_end() {
        let check = |a: &[usize], b: &[usize], expected: Option<&[usize]>| {
            assert_eq!(broadcast(a, b).ok().as_deref(), expected, "{a:?} {b:?}");
            assert_eq!(broadcast(b, a).ok().as_deref(), expected, "{b:?} {a:?}");
        };
        check(&[2, 3], &[3], Some(&[2, 3]));
        check(&[2, 1, 4], &[3, 1], Some(&[2, 3, 4]));
        check(&[5], &[5], Some(&[5]));
        check(&[2, 3], &[2], None);
    }

    #[test]
    fn products_fit_or_are_refused() {
        let limits = TensorLimits { multiplications_max: 1000, ..TensorLimits::default() };
        let check = |a: &[usize], b: &[usize], transposed, expected: Option<&[usize]>| {
            let found = product(a, b, transposed, &limits).ok().map(|product| product.shape);
            assert_eq!(found.as_deref(), expected, "{a:?} {b:?} {transposed}");
        };
        check(&[2, 3], &[3, 4], false, Some(&[2, 4]));
        check(&[2, 3], &[4, 3], true, Some(&[2, 4]));
        check(&[5, 2, 3], &[3, 4], false, Some(&[5, 2, 4]));
        check(&[5, 2, 3], &[5, 3, 4], false, Some(&[5, 2, 4]));
        check(&[5, 2, 3], &[4, 3, 4], false, None);
        check(&[2, 3], &[4, 3], false, None);
        check(&[3], &[3, 4], false, None);
        check(&[11, 10], &[10, 10], false, None);
    }
}
