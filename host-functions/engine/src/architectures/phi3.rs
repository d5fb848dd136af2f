//! phi3: Phi 3 and 3.5 mini, Phi 4 mini. Query, key and value are one matrix, and so are gate and up.

use super::ArchitectureError;
use super::config::{Config, layer_part};
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "phi3").usual_spec(RopeStyle::Halves)?;
    let mut tensors = usual_tensors(file, spec.layers.len());
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        layer.qkv = vec![format!("blk.{index}.attn_qkv.weight")];
        layer.gate_up = vec![format!("blk.{index}.ffn_up.weight")];
    }
    Ok((spec, tensors))
}

pub fn folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let mut spec = config.usual_spec(None)?;
    let window = config.window(None)?;
    spec.layers.iter_mut().for_each(|layer| layer.window = window);
    let mut tensors = config.usual_tensors(spec.layers.len(), false)?;
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        layer.qkv = vec![layer_part(index, "self_attn.qkv_proj.weight")];
        layer.gate_up = vec![layer_part(index, "mlp.gate_up_proj.weight")];
    }
    Ok((spec, tensors))
}
