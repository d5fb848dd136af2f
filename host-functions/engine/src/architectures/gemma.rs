//! gemma2 and gemma3: scaled embeddings, norms before and after each half of a layer, local and global attention by
//! turns. The files' norm weights have their 1 added already.

use super::ArchitectureError;
use super::metadata::{Keys, bad, usual_tensors};
use crate::gguf::{GgufFile, ValueType};
use crate::spec::{DecoderSpec, DecoderTensors, Gate, RopeScaling, RopeSpec, RopeStyle};

/// Of so many layers of gemma3 the last is global, where the file does not say which are.
const GEMMA3_PERIOD: usize = 6;
/// The rotation of gemma3's local layers, where the file does not say.
const GEMMA3_LOCAL_THETA: f32 = 10_000.0;
/// The largest models scale scores by their width per head, which is not their head's length; files do not say so, and
/// the number of layers gives them away.
const GEMMA2_27B_LAYERS: usize = 46;
const GEMMA3_27B_LAYERS: usize = 62;

pub fn gemma2(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let keys = Keys::new(file, "gemma2");
    let mut spec = common(&keys, GEMMA2_27B_LAYERS)?;
    spec.attention_softcap = keys.optional_positive("attn_logit_softcapping")?;
    spec.logit_softcap = keys.optional_positive("final_logit_softcapping")?;
    for layer in spec.layers.iter_mut().skip(1).step_by(2) {
        layer.window = None;
    }
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}

pub fn gemma3(file: &GgufFile) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let keys = Keys::new(file, "gemma3");
    let mut spec = common(&keys, GEMMA3_27B_LAYERS)?;
    let local = RopeSpec {
        theta: keys.positive("rope.freq_base_swa", Some(GEMMA3_LOCAL_THETA))?,
        scaling: RopeScaling::None,
        factors: None,
        ..spec.ropes[0].clone()
    };
    spec.ropes.push(local);
    let is_local = local_layers(&keys, spec.layers.len())?;
    for (layer, is_local) in spec.layers.iter_mut().zip(is_local) {
        if is_local {
            layer.rope = 1;
        } else {
            layer.window = None;
        }
    }
    let tensors = usual_tensors(file, spec.layers.len());
    Ok((spec, tensors))
}

fn common(keys: &Keys<'_>, layers_of_27b: usize) -> Result<DecoderSpec, ArchitectureError> {
    let mut spec = keys.usual_spec(RopeStyle::Halves)?;
    spec.gate = Gate::GeluTanh;
    spec.embedding_scale = (spec.hidden_len as f32).sqrt();
    if spec.layers.len() == layers_of_27b {
        spec.attention_scale = 1.0 / (spec.hidden_len as f32 / spec.head_count as f32).sqrt();
    }
    Ok(spec)
}

/// Which layers see a window only: as the file says, layer by layer or by a period.
fn local_layers(keys: &Keys<'_>, layer_count: usize) -> Result<Vec<bool>, ArchitectureError> {
    let key = keys.key("attention.sliding_window_pattern");
    let by_period = |period: usize| (1..=layer_count).map(|n| !n.is_multiple_of(period)).collect();
    let kind = keys.metadata().keys().find(|(name, _)| *name == key).map(|(_, kind)| kind);
    match kind {
        None => Ok(by_period(GEMMA3_PERIOD)),
        Some(ValueType::Array) => {
            let array = keys.metadata().required(&key, keys.metadata().array(&key)?)?;
            let pattern = array.bools()?;
            if pattern.len() == layer_count {
                Ok(pattern)
            } else {
                Err(bad(key, pattern.len(), "there must be one entry for each layer"))
            }
        }
        Some(_) => Ok(by_period(keys.size("attention.sliding_window_pattern")?)),
    }
}
