//! llama: Llama 2 and 3, Mistral, TinyLlama, SmolLM and their kin.
//!
//! GGUF files of this architecture have the rows of Q and K permuted so that rotary pairs are neighbours.

use super::ArchitectureError;
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "llama").usual_spec(RopeStyle::Interleaved)?;
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}
