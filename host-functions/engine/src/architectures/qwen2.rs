//! qwen2: Qwen 2 and 2.5. Biases on query, key and value.

use super::ArchitectureError;
use super::config::{Config, layer_part};
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "qwen2").usual_spec(RopeStyle::Halves)?;
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}

pub fn folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let mut spec = config.usual_spec(None)?;
    set_windows(config, &mut spec)?;
    let mut tensors = config.usual_tensors(spec.layers.len(), false)?;
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        let bias = |part: &str| layer_part(index, &format!("self_attn.{part}_proj.bias"));
        layer.qkv_bias = Some(["q", "k", "v"].map(bias).to_vec());
    }
    Ok((spec, tensors))
}

/// How many layers see everything where the file does not say.
const FULL_LAYERS_DEFAULT: usize = 28;

/// Qwen's windows are off unless the file turns them on, and then for the upper layers.
pub fn set_windows(config: &Config<'_>, spec: &mut DecoderSpec) -> Result<(), ArchitectureError> {
    if config.flag("use_sliding_window")? != Some(true) {
        return Ok(());
    }
    let window = config.window(Some(4_096))?;
    // A size is never 0, but here 0 has a meaning: all layers have a window.
    let full = match config.value("max_window_layers").and_then(serde_json::Value::as_u64) {
        Some(0) => 0,
        _ => config.optional_size("max_window_layers")?.unwrap_or(FULL_LAYERS_DEFAULT),
    };
    let windowed = config.windowed_layers(spec.layers.len(), |layer| layer >= full)?;
    for (layer, windowed) in spec.layers.iter_mut().zip(windowed) {
        layer.window = window.filter(|_| windowed);
    }
    Ok(())
}
