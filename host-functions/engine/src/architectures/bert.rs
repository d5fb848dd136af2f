//! bert: MiniLM, BGE, E5 and other sentence embedders that have BERT's shape.
//!
//! Folders hold what was trained beside the encoder too (the pooler, the head that guesses masked words, numbers of
//! positions); a vector of a text needs none of it.

use super::ArchitectureError;
use super::config::{Config, bad as bad_config};
use super::metadata::{Keys, bad};
use super::sentence;
use crate::encoder::{Affine, EncoderLayerTensors, EncoderSpec, EncoderTensors, Pooling, SentenceSpec};
use crate::gguf::GgufFile;
use crate::huggingface::Folder;
use crate::spec::Gate;

/// What every one of these models was trained with, where the file does not say.
const EPSILON: f32 = 1e-12;
const SEGMENTS: usize = 2;
/// Models that were saved with a head on top have this before their encoder's names.
const WITHIN: &str = "bert.";

pub fn encoder(file: &GgufFile) -> Result<(EncoderSpec, EncoderTensors), ArchitectureError> {
    let keys = Keys::new(file, "bert");
    let (hidden_len, head_count) = (keys.size("embedding_length")?, keys.size("attention.head_count")?);
    if !hidden_len.is_multiple_of(head_count) {
        return Err(bad(keys.key("attention.head_count"), head_count, "it must divide the embedding length"));
    }
    if keys.metadata().bool(&keys.key("attention.causal"))? == Some(true) {
        return Err(bad(keys.key("attention.causal"), true, "an encoder's attention goes both ways"));
    }
    // The numbers are the format's own. Files of models that say nothing are pooled as sentence-transformers would.
    let pooling = match keys.metadata().u32(&keys.key("pooling_type"))? {
        None | Some(0 | 1) => Pooling::Mean,
        Some(2) => Pooling::Cls,
        Some(4) => return Err(bad(keys.key("pooling_type"), 4, "a model that ranks pairs of texts embeds none")),
        Some(kind) => return Err(bad(keys.key("pooling_type"), kind, "supported: 1 (mean), 2 (cls)")),
    };
    let position_count = keys.size("context_length")?;
    let segments = keys.metadata().u32("tokenizer.ggml.token_type_count")?.map_or(SEGMENTS, |count| count as usize);
    let spec = EncoderSpec {
        vocab_len: keys.vocab_len()?,
        hidden_len,
        head_count,
        head_len: hidden_len / head_count,
        feed_forward_len: keys.size("feed_forward_length")?,
        position_count,
        segment_count: segments,
        norm_epsilon: keys.positive("attention.layer_norm_epsilon", Some(EPSILON))?,
        activation: Gate::GeluErf,
        sentence: SentenceSpec { pooling, normalize: true, tokens_max: position_count as u32, lowercase: false },
    };
    let layers = (0..keys.layer_count()?).map(|layer| {
        let part = |name: &str| Affine::named(format_args!("blk.{layer}.{name}"));
        EncoderLayerTensors {
            qkv: [part("attn_q"), part("attn_k"), part("attn_v")],
            attention_output: part("attn_output"),
            attention_norm: part("attn_output_norm"),
            up: part("ffn_up"),
            down: part("ffn_down"),
            output_norm: part("layer_output_norm"),
        }
    });
    let tensors = EncoderTensors {
        words: "token_embd.weight".into(),
        positions: "position_embd.weight".into(),
        segments: "token_types.weight".into(),
        embedding_norm: Affine::named("token_embd_norm"),
        layers: layers.collect(),
    };
    Ok((spec, tensors))
}

pub fn folder(folder: &Folder, config: &Config<'_>) -> Result<(EncoderSpec, EncoderTensors), ArchitectureError> {
    config.refuse_quantised()?;
    config.refuse("is_decoder", "decoders of this architecture are not supported")?;
    config.refuse("add_cross_attention", "attention to another text is not supported")?;
    if let Some(kind) = config.text("position_embedding_type").filter(|kind| *kind != "absolute") {
        return Err(bad_config("position_embedding_type", kind, "positions must be absolute"));
    }
    let (hidden_len, head_count) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    if !hidden_len.is_multiple_of(head_count) {
        return Err(bad_config("num_attention_heads", head_count, "it must divide the hidden size"));
    }
    let position_count = config.size("max_position_embeddings")?;
    let spec = EncoderSpec {
        vocab_len: config.size("vocab_size")?,
        hidden_len,
        head_count,
        head_len: hidden_len / head_count,
        feed_forward_len: config.size("intermediate_size")?,
        position_count,
        segment_count: config.optional_size("type_vocab_size")?.unwrap_or(SEGMENTS),
        norm_epsilon: config.optional_positive("layer_norm_eps")?.unwrap_or(EPSILON),
        activation: if config.value("hidden_act").is_some() { config.gate("hidden_act")? } else { Gate::GeluErf },
        sentence: sentence::read(folder, position_count as u32)?,
    };
    let within = if folder.tensor("bert.embeddings.word_embeddings.weight").is_some() { WITHIN } else { "" };
    let layers = (0..config.layer_count()?).map(|layer| {
        let part = |name: &str| Affine::named(format_args!("{within}encoder.layer.{layer}.{name}"));
        EncoderLayerTensors {
            qkv: [part("attention.self.query"), part("attention.self.key"), part("attention.self.value")],
            attention_output: part("attention.output.dense"),
            attention_norm: part("attention.output.LayerNorm"),
            up: part("intermediate.dense"),
            down: part("output.dense"),
            output_norm: part("output.LayerNorm"),
        }
    });
    let embedding = |name: &str| format!("{within}embeddings.{name}_embeddings.weight");
    let tensors = EncoderTensors {
        words: embedding("word"),
        positions: embedding("position"),
        segments: embedding("token_type"),
        embedding_norm: Affine::named(format_args!("{within}embeddings.LayerNorm")),
        layers: layers.collect(),
    };
    Ok((spec, tensors))
}

/// Whether a tensor of a folder is one that stands beside the encoder, and that no vector needs.
pub fn is_left_over(name: &str) -> bool {
    let inner = name.strip_prefix(WITHIN).unwrap_or(name);
    inner == "embeddings.position_ids" || inner.starts_with("pooler.") || name.starts_with("cls.")
}
