//! llama: Llama 2 and 3, Mistral, TinyLlama, SmolLM and their kin.
//!
//! GGUF files of this architecture have the rows of Q and K permuted so that rotary pairs are neighbours.

use super::ArchitectureError;
use super::metadata::{Keys, bad, usual_layer};
use crate::gguf::GgufFile;
use crate::spec::{DecoderSpec, DecoderTensors, Gate, RopeScaling, RopeSpec, RopeStyle};

const ROPE_FACTORS: &str = "rope_freqs.weight";

pub fn decoder(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let keys = Keys::new(file, "llama");
    if let Some(experts) = file.metadata().u32(&keys.key("expert_count"))?.filter(|&count| count > 0) {
        return Err(ArchitectureError::Experts { experts });
    }
    let (hidden_len, head_count) = (keys.size("embedding_length")?, keys.size("attention.head_count")?);
    let kv_head_count = keys.optional_size("attention.head_count_kv")?.unwrap_or(head_count);
    if !head_count.is_multiple_of(kv_head_count) {
        return Err(bad(keys.key("attention.head_count_kv"), kv_head_count, "it must divide the number of heads"));
    }
    let head_len = match keys.optional_size("attention.key_length")? {
        Some(len) => len,
        None if hidden_len.is_multiple_of(head_count) => hidden_len / head_count,
        None => return Err(bad(keys.key("attention.head_count"), head_count, "it must divide the embedding length")),
    };
    if keys.optional_size("attention.value_length")?.is_some_and(|len| len != head_len) {
        return Err(bad(keys.key("attention.value_length"), head_len, "keys and values must be equally long"));
    }
    let layer_count = keys.layer_count()?;
    let spec = DecoderSpec {
        vocab_len: keys.vocab_len()?,
        hidden_len,
        layer_count,
        head_count,
        kv_head_count,
        head_len,
        feed_forward_len: keys.size("feed_forward_length")?,
        context_length: keys.size("context_length")? as u32,
        norm_epsilon: keys.positive("attention.layer_norm_rms_epsilon", None)?,
        gate: Gate::Silu,
        rope: rope(&keys, head_len)?,
        attention_scale: 1.0 / (head_len as f32).sqrt(),
    };
    let output = "output.weight";
    let tensors = DecoderTensors {
        embedding: "token_embd.weight".into(),
        output_norm: "output_norm.weight".into(),
        output: file.tensor(output).map(|_| output.into()),
        layers: (0..layer_count).map(|layer| usual_layer(file, layer)).collect(),
    };
    Ok((spec, tensors))
}

fn rope(keys: &Keys<'_>, head_len: usize) -> Result<RopeSpec, ArchitectureError> {
    let rotated_len = keys.optional_size("rope.dimension_count")?.unwrap_or(head_len);
    if !rotated_len.is_multiple_of(2) || rotated_len > head_len {
        return Err(bad(keys.key("rope.dimension_count"), rotated_len, "it must be even and within a head"));
    }
    let linear_factor = match keys.metadata().str(&keys.key("rope.scaling.type"))? {
        // Files from before the type was written have only the factor.
        None => keys.positive("rope.scale_linear", Some(1.0))?,
        Some("none") => 1.0,
        Some("linear") => keys.positive("rope.scaling.factor", None)?,
        Some(kind) => return Err(ArchitectureError::UnsupportedRope { kind: kind.to_owned() }),
    };
    Ok(RopeSpec {
        rotated_len,
        theta: keys.positive("rope.freq_base", Some(10_000.0))?,
        style: RopeStyle::Interleaved,
        scaling: if linear_factor == 1.0 { RopeScaling::None } else { RopeScaling::Linear(linear_factor) },
        factors: keys.file.tensor(ROPE_FACTORS).map(|_| ROPE_FACTORS.to_owned()),
    })
}
