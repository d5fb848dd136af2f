//! phi3: Phi 3 and 3.5 mini, Phi 4 mini without long rope. Query, key and value are one matrix, and so are gate and up.

use super::ArchitectureError;
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

/// Divisors for long contexts, which change with the length of the prompt.
const LONG_ROPE: &str = "rope_factors_long.weight";

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    if file.tensor(LONG_ROPE).is_some() {
        return Err(ArchitectureError::UnsupportedRope { kind: "longrope".into() });
    }
    let spec = Keys::new(file, "phi3").usual_spec(RopeStyle::Halves)?;
    let mut tensors = usual_tensors(file, spec.layers.len());
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        layer.qkv = vec![format!("blk.{index}.attn_qkv.weight")];
        layer.gate_up = vec![format!("blk.{index}.ffn_up.weight")];
    }
    Ok((spec, tensors))
}
