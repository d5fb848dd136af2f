//! LongRoPE, as Phi 3 mini has it for 128k tokens: one divisor for each rotary frequency, and two sets of them.

use serde_json::Value;

use super::ArchitectureError;
use super::config::{bad, positive};
use super::metadata::Keys;
use crate::spec::{Factors, LongRope};

const SHORT: &str = "rope_factors_short.weight";
const LONG: &str = "rope_factors_long.weight";

/// What a GGUF file says of it, which is the two tensors; `None` if it has them not.
pub fn in_file(keys: &Keys<'_>) -> Result<Option<LongRope>, ArchitectureError> {
    if keys.file.tensor(LONG).is_none() {
        return Ok(None);
    }
    Ok(Some(LongRope {
        original_context: keys.size("rope.scaling.original_context_length")? as u32,
        magnitude: keys.positive("rope.scaling.attn_factor", Some(1.0))?,
        within: Factors::Tensor(SHORT.into()),
        beyond: Factors::Tensor(LONG.into()),
    }))
}

/// What a folder's rope parameters say of it. `original` and `context`: what the configuration itself says of the
/// contexts before and after; `pairs`: how many frequencies there are.
pub fn in_folder(
    parameters: &Value,
    original: Option<usize>,
    context: usize,
    pairs: usize,
) -> Result<LongRope, ArchitectureError> {
    let name = "original_max_position_embeddings";
    let own = positive(parameters, name)?.map(|own| own as usize);
    let original =
        own.or(original).filter(|&original| original > 1).ok_or(ArchitectureError::Absent { field: name.into() })?;
    let factor = positive(parameters, "factor")?.map_or(context as f64 / original as f64, f64::from);
    let usual = if factor > 1.0 { (1.0 + factor.ln() / (original as f64).ln()).sqrt() } else { 1.0 };
    Ok(LongRope {
        original_context: original as u32,
        magnitude: positive(parameters, "attention_factor")?.unwrap_or(usual as f32),
        within: factors(parameters, "short_factor", pairs)?,
        beyond: factors(parameters, "long_factor", pairs)?,
    })
}

fn factors(parameters: &Value, name: &str, pairs: usize) -> Result<Factors, ArchitectureError> {
    let numbers = parameters[name].as_array().ok_or_else(|| ArchitectureError::Absent { field: name.to_owned() })?;
    let read = |number: &Value| number.as_f64().map(|number| number as f32).filter(|n| n.is_finite() && *n > 0.0);
    match numbers.iter().map(read).collect::<Option<Vec<f32>>>() {
        Some(values) if values.len() == pairs => Ok(Factors::Values(values)),
        Some(values) => Err(bad(name, values.len(), "there must be one factor for each pair of values that turn")),
        None => Err(bad(name, &parameters[name], "they must be finite numbers above 0")),
    }
}
