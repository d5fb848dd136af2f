//! qwen2: Qwen 2 and 2.5. Biases on query, key and value.

use super::ArchitectureError;
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "qwen2").usual_spec(RopeStyle::Halves)?;
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}
