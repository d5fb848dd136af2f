//! gemma2 and gemma3: scaled embeddings, norms before and after each half of a layer, local and global attention by
//! turns. The norm weights of GGUF files have their 1 added already, those of folders have not.

use super::ArchitectureError;
use super::config::{self, Config, layer_part};
use super::metadata::{Keys, bad, usual_tensors};
use crate::gguf::{GgufFile, ValueType};
use crate::spec::{DecoderSpec, DecoderTensors, Gate, RopeScaling, RopeSpec, RopeStyle};

/// Of so many layers of gemma3 the last is global, where the file does not say which are.
const GEMMA3_PERIOD: usize = 6;
/// The rotation of gemma3's local layers, where the file does not say.
const GEMMA3_LOCAL_THETA: f32 = 10_000.0;
/// The length of heads, of windows and the number that scores are scaled by, where a folder does not say.
const HEAD_LEN: usize = 256;
const WINDOW: u32 = 4_096;
const SCORE_SCALE: f32 = 256.0;
/// The rotation of gemma3's global layers, where a folder does not say.
const GEMMA3_GLOBAL_THETA: f32 = 1_000_000.0;
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
        long: None,
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

pub fn gemma2_folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let (mut spec, tensors) = common_folder(config)?;
    let is_local = config.windowed_layers(spec.layers.len(), |layer| layer.is_multiple_of(2))?;
    let window = config.window(Some(WINDOW))?;
    for (layer, is_local) in spec.layers.iter_mut().zip(is_local) {
        layer.window = window.filter(|_| is_local);
    }
    Ok((spec, tensors))
}

pub fn gemma3_folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    let (mut spec, mut tensors) = common_folder(config)?;
    // Both rotations by the kind of layer; in older files the global one's parameters, and the local one's base.
    spec.ropes = match config.value("rope_parameters") {
        Some(parameters) => {
            let of = |kind: &str, theta| {
                let parameters = &parameters[kind];
                config::rope(
                    parameters,
                    spec.head_len,
                    1.0,
                    config::positive(parameters, "rope_theta")?.unwrap_or(theta),
                )
            };
            vec![of("full_attention", GEMMA3_GLOBAL_THETA)?, of("sliding_attention", GEMMA3_LOCAL_THETA)?]
        }
        None => {
            let theta =
                |name: &str, default| Ok::<f32, ArchitectureError>(config.optional_positive(name)?.unwrap_or(default));
            let global = theta("rope_theta", GEMMA3_GLOBAL_THETA)?;
            let local = theta("rope_local_base_freq", GEMMA3_LOCAL_THETA)?;
            let scaling = config.value("rope_scaling").unwrap_or(&config::NULL);
            vec![
                config::rope(scaling, spec.head_len, 1.0, global)?,
                config::rope(&config::NULL, spec.head_len, 1.0, local)?,
            ]
        }
    };
    let period = match config.optional_size("sliding_window_pattern")? {
        Some(period) => period,
        None => config.optional_size("_sliding_window_pattern")?.unwrap_or(GEMMA3_PERIOD),
    };
    let is_local = config.windowed_layers(spec.layers.len(), |layer| !(layer + 1).is_multiple_of(period))?;
    let window = config.window(Some(WINDOW))?;
    for (layer, is_local) in spec.layers.iter_mut().zip(is_local) {
        layer.rope = usize::from(is_local);
        layer.window = window.filter(|_| is_local);
    }
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        let norm = |part: &str| layer_part(index, &format!("self_attn.{part}_norm.weight"));
        layer.head_norms = Some(["q", "k"].map(norm));
    }
    Ok((spec, tensors))
}

fn common_folder(config: &Config<'_>) -> Result<(DecoderSpec, DecoderTensors), ArchitectureError> {
    config.refuse("attention_bias", "biases on the output of attention are not supported")?;
    config.refuse("use_bidirectional_attention", "attention to later positions is not supported")?;
    let mut spec = config.usual_spec(Some(HEAD_LEN))?;
    spec.norm_offset = 1.0;
    // The field `hidden_act`, which some folders have too, is not the one that counts.
    spec.gate = match config.value("hidden_activation") {
        Some(_) => config.gate("hidden_activation")?,
        None => Gate::GeluTanh,
    };
    spec.embedding_scale = (spec.hidden_len as f32).sqrt();
    spec.attention_scale = 1.0 / config.optional_positive("query_pre_attn_scalar")?.unwrap_or(SCORE_SCALE).sqrt();
    spec.attention_softcap = config.optional_positive("attn_logit_softcapping")?;
    spec.logit_softcap = config.optional_positive("final_logit_softcapping")?;
    let mut tensors = config.usual_tensors(spec.layers.len(), true)?;
    for (index, layer) in tensors.layers.iter_mut().enumerate() {
        let norm = |part: &str| layer_part(index, &format!("{part}_layernorm.weight"));
        layer.post_attention_norm = Some(norm("post_attention"));
        layer.feed_forward_norm = norm("pre_feedforward");
        layer.post_feed_forward_norm = Some(norm("post_feedforward"));
    }
    Ok((spec, tensors))
}
