//! qwen3: the dense models of Qwen 3. A norm over every query and key head, no biases.

use super::ArchitectureError;
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "qwen3").usual_spec(RopeStyle::Halves)?;
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}
