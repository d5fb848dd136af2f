//! From a spec's rotary positions to the frequencies that executors turn by.

use realm_kernels::{RopeFrequencies, RopeScaling};

use super::WeightsError;
use crate::spec::{Factors, RopeSpec};

/// `context_length`: the longest sequence there will be. `vector` reads a tensor of so many values.
///
/// # Errors
/// A tensor that is not there or does not fit, and divisors that are not above 0.
pub fn frequencies(
    rope: &RopeSpec,
    context_length: u32,
    vector: impl Fn(&str, usize) -> Result<Vec<f32>, WeightsError>,
) -> Result<RopeFrequencies, WeightsError> {
    let divisors = |name: &String| {
        let divisors = vector(name, rope.rotated_len / 2)?;
        match divisors.iter().find(|divisor| **divisor <= 0.0) {
            Some(&value) => Err(WeightsError::Divisor { name: name.to_owned(), value }),
            None => Ok(divisors),
        }
    };
    let scaling = match (&rope.long, &rope.factors) {
        (Some(long), _) => {
            let factors = match long.factors(context_length) {
                Factors::Tensor(name) => divisors(name)?,
                Factors::Values(values) => values.clone(),
            };
            RopeScaling::LongRope { factors, magnitude: long.magnitude }
        }
        (None, Some(name)) => RopeScaling::Factors(divisors(name)?),
        (None, None) => rope.scaling.clone(),
    };
    RopeFrequencies::new(rope.rotated_len, rope.theta, &scaling).map_err(|source| WeightsError::Rope { source })
}
