//! llama: Llama 2 and 3, Mistral, TinyLlama, SmolLM and their kin.
//!
//! GGUF files of this architecture have the rows of Q and K permuted so that rotary pairs are neighbours. Folders of
//! Mistral have an architecture of their own name: llama with a window.

use super::ArchitectureError;
use super::config::Config;
use super::metadata::{Keys, usual_tensors};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, RopeStyle};

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let spec = Keys::new(file, "llama").usual_spec(RopeStyle::Interleaved)?;
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}

pub fn llama_folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    config.refuse("attention_bias", "biases on the output of attention are not supported")?;
    config.refuse("mlp_bias", "biases in the feed-forward layer are not supported")?;
    let spec = config.usual_spec(None)?;
    let tensors = config.usual_tensors(spec.layers.len(), false)?;
    Ok((spec, tensors))
}

/// The window of a folder of Mistral that does not say; null says that there is none.
const MISTRAL_WINDOW: u32 = 4_096;

pub fn mistral_folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let mut spec = config.usual_spec(None)?;
    let window = config.window(Some(MISTRAL_WINDOW))?;
    spec.layers.iter_mut().for_each(|layer| layer.window = window);
    let tensors = config.usual_tensors(spec.layers.len(), false)?;
    Ok((spec, tensors))
}
