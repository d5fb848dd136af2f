//! qwen3: the dense models of Qwen 3. A norm over every query and key head, no biases.

use super::ArchitectureError;
use super::config::{Config, layer_part};
use super::metadata::{Keys, usual_tensors};
use super::qwen2::set_windows;
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "qwen3").usual_spec(RopeStyle::Halves)?;
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}

/// The length of heads where the file does not say.
const HEAD_LEN: usize = 128;

pub fn folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    config.refuse("attention_bias", "biases on the output of attention are not supported")?;
    let mut spec = config.usual_spec(Some(HEAD_LEN))?;
    set_windows(config, &mut spec)?;
    let mut tensors = config.usual_tensors(spec.layers.len(), false)?;
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        let norm = |part: &str| layer_part(index, &format!("self_attn.{part}_norm.weight"));
        layer.head_norms = Some(["q", "k"].map(norm));
    }
    Ok((spec, tensors))
}
