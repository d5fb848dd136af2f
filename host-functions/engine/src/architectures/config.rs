//! Reading a `config.json`, checked for sense.
//!
//! A field that is absent or null takes the default of the reference implementation, where that has one.

use serde_json::Value;

use super::ArchitectureError;
use super::long_rope;
use super::metadata::{YARN_BETA_FAST, YARN_BETA_SLOW};
use crate::spec::{DecoderSpec, DecoderTensors, Gate, LayerSpec, LayerTensors, RopeScaling, RopeSpec, RopeStyle};

/// The largest value that any size of a model can have: beyond it nothing real lies, and products stay in 64 bits.
const SIZE_MAX: u64 = 1 << 24;
/// The base of the rotary positions, where the file has none.
const THETA_DEFAULT: f32 = 10_000.0;

/// What an absent object's fields are looked up in.
pub static NULL: Value = Value::Null;

/// A model's config.json.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    root: &'a Value,
    /// A bound for the number of layers, so that a number alone cannot make anything grow.
    tensor_count: usize,
}

impl<'a> Config<'a> {
    /// `tensor_count`: how many tensors the folder has.
    pub fn new(root: &'a Value, tensor_count: usize) -> Self {
        Self { root, tensor_count }
    }

    /// A field's value, if it is there and not null.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        present(&self.root[name])
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.root[name].as_str()
    }

    /// A truth value that may be absent.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ArchitectureError> {
        let read = |value: &Value| value.as_bool().ok_or_else(|| bad(name, value, "it must be true or false"));
        self.value(name).map(read).transpose()
    }

    /// A size that may be absent: from 1 to 2^24.
    pub fn optional_size(&self, name: &str) -> Result<Option<usize>, ArchitectureError> {
        let read = |value: &Value| match value.as_u64().filter(|size| (1..=SIZE_MAX).contains(size)) {
            Some(size) => Ok(size as usize),
            None => Err(bad(name, value, "a size is a whole number between 1 and 16777216")),
        };
        self.value(name).map(read).transpose()
    }

    /// A size that must be there.
    pub fn size(&self, name: &str) -> Result<usize, ArchitectureError> {
        self.optional_size(name)?.ok_or_else(|| ArchitectureError::Absent { field: name.to_owned() })
    }

    /// A positive, finite number that may be absent.
    pub fn optional_positive(&self, name: &str) -> Result<Option<f32>, ArchitectureError> {
        positive(self.root, name)
    }

    /// The length of sliding windows. Some models have one where the field is absent, but never where it is null.
    pub fn window(&self, default: Option<u32>) -> Result<Option<u32>, ArchitectureError> {
        let name = "sliding_window";
        if self.root.get(name).is_none() {
            return Ok(default);
        }
        Ok(self.optional_size(name)?.map(|window| window as u32))
    }

    /// For each layer, whether it sees a window only: as `layer_types` says, or else as `usually` does by its number.
    pub fn windowed_layers(
        &self,
        layer_count: usize,
        usually: impl Fn(usize) -> bool,
    ) -> Result<Vec<bool>, ArchitectureError> {
        let name = "layer_types";
        let Some(types) = self.value(name) else { return Ok((0..layer_count).map(usually).collect()) };
        let types = types.as_array().map_or(&[][..], Vec::as_slice);
        if types.len() != layer_count {
            return Err(bad(name, types.len(), "there must be one entry for each layer"));
        }
        let read = |kind: &Value| match kind.as_str() {
            Some("sliding_attention") => Ok(true),
            Some("full_attention") => Ok(false),
            _ => Err(bad(name, kind, "layers are of the types sliding_attention and full_attention")),
        };
        types.iter().map(read).collect()
    }

    /// The activation named by a field; SiLU where it is absent.
    pub fn gate(&self, name: &str) -> Result<Gate, ArchitectureError> {
        match self.value(name).map(|kind| kind.as_str().ok_or(kind)) {
            None | Some(Ok("silu" | "swish")) => Ok(Gate::Silu),
            Some(Ok("gelu_pytorch_tanh" | "gelu_new")) => Ok(Gate::GeluTanh),
            Some(Ok("gelu")) => Ok(Gate::GeluErf),
            Some(Ok("relu")) => Ok(Gate::Relu),
            Some(Ok(kind)) => Err(ArchitectureError::UnsupportedActivation { kind: kind.to_owned() }),
            Some(Err(kind)) => Err(bad(name, kind, "it must be an activation's name")),
        }
    }

    /// Refuses a model that sets this field: it needs what `what` says.
    pub fn refuse(&self, name: &str, what: &'static str) -> Result<(), ArchitectureError> {
        if self.flag(name)? == Some(true) { Err(bad(name, true, what)) } else { Ok(()) }
    }

    /// How many layers there are: no more than tensors.
    pub fn layer_count(&self) -> Result<usize, ArchitectureError> {
        let layer_count = self.size("num_hidden_layers")?;
        if layer_count > self.tensor_count {
            return Err(bad("num_hidden_layers", layer_count, "there are fewer tensors than layers"));
        }
        Ok(layer_count)
    }

    /// Refuses weights that are no plain floats.
    pub fn refuse_quantised(&self) -> Result<(), ArchitectureError> {
        let Some(config) = self.value("quantization_config") else { return Ok(()) };
        let method = &config["quant_method"];
        let method = method.as_str().map_or_else(|| method.to_string(), str::to_owned);
        Err(ArchitectureError::Quantised { method })
    }

    /// What all decoders have in common: sizes, one kind of rotation, no windows, no caps. An architecture changes
    /// what it has different. `head_len`: how long heads are where the file does not say so and the architecture does.
    pub fn usual_spec(&self, head_len: Option<usize>) -> Result<DecoderSpec, ArchitectureError> {
        self.refuse_quantised()?;
        let (hidden_len, head_count) = (self.size("hidden_size")?, self.size("num_attention_heads")?);
        let kv_head_count = self.optional_size("num_key_value_heads")?.unwrap_or(head_count);
        if !head_count.is_multiple_of(kv_head_count) {
            return Err(bad("num_key_value_heads", kv_head_count, "it must divide the number of heads"));
        }
        let head_len = match self.optional_size("head_dim")?.or(head_len) {
            Some(len) => len,
            None if hidden_len.is_multiple_of(head_count) => hidden_len / head_count,
            None => return Err(bad("num_attention_heads", head_count, "it must divide the hidden size")),
        };
        let layer_count = self.layer_count()?;
        let norm_epsilon = self.optional_positive("rms_norm_eps")?;
        Ok(DecoderSpec {
            vocab_len: self.size("vocab_size")?,
            hidden_len,
            head_count,
            kv_head_count,
            head_len,
            feed_forward_len: self.size("intermediate_size")?,
            context_length: self.size("max_position_embeddings")? as u32,
            norm_epsilon: norm_epsilon.ok_or_else(|| ArchitectureError::Absent { field: "rms_norm_eps".into() })?,
            norm_offset: 0.0,
            gate: self.gate("hidden_act")?,
            embedding_scale: 1.0,
            attention_scale: 1.0 / (head_len as f32).sqrt(),
            attention_softcap: None,
            logit_softcap: None,
            ropes: vec![self.rope(head_len)?],
            layers: vec![LayerSpec { rope: 0, window: None }; layer_count],
        })
    }

    /// The one kind of rotation: `rope_parameters`, or in older files `rope_theta` and `rope_scaling`.
    fn rope(&self, head_len: usize) -> Result<RopeSpec, ArchitectureError> {
        let parameters = self.value("rope_parameters").or(self.value("rope_scaling")).unwrap_or(&NULL);
        let theta = positive(parameters, "rope_theta")?.or(self.optional_positive("rope_theta")?);
        let part = positive(parameters, "partial_rotary_factor")?.or(self.optional_positive("partial_rotary_factor")?);
        let (part, theta) = (part.unwrap_or(1.0), theta.unwrap_or(THETA_DEFAULT));
        // The older name stands in the first files of Phi 3.
        if !matches!(parameters["rope_type"].as_str().or(parameters["type"].as_str()), Some("longrope" | "su")) {
            return rope(parameters, head_len, part, theta);
        }
        let unscaled = rope(&NULL, head_len, part, theta)?;
        let original = self.optional_size("original_max_position_embeddings")?;
        let context = self.size("max_position_embeddings")?;
        let long = long_rope::in_folder(parameters, original, context, unscaled.rotated_len / 2)?;
        Ok(RopeSpec { long: Some(long), ..unscaled })
    }

    /// The names that most architectures' folders use. `tied`: whether the embedding table is the output matrix where
    /// the file does not say.
    pub fn usual_tensors(&self, layer_count: usize, tied: bool) -> Result<DecoderTensors, ArchitectureError> {
        let tied = self.flag("tie_word_embeddings")?.unwrap_or(tied);
        Ok(DecoderTensors {
            embedding: "model.embed_tokens.weight".into(),
            output_norm: "model.norm.weight".into(),
            output: (!tied).then(|| OUTPUT.into()),
            layers: (0..layer_count).map(usual_layer).collect(),
        })
    }
}

/// The output matrix. Folders of tied models may have it all the same.
const OUTPUT: &str = "lm_head.weight";

/// Whether a tensor is one that folders have beside their weights, and that nobody reads: the output matrix of a tied
/// model, or rotary frequencies that follow from the configuration.
pub fn is_left_over(name: &str) -> bool {
    name == OUTPUT || name.ends_with(".rotary_emb.inv_freq")
}

/// The name of a part of a layer.
pub fn layer_part(layer: usize, part: &str) -> String {
    format!("model.layers.{layer}.{part}")
}

fn usual_layer(layer: usize) -> LayerTensors {
    let name = |part: &str| layer_part(layer, part);
    let all = |parts: &[&str]| parts.iter().map(|part| name(part)).collect::<Vec<_>>();
    LayerTensors {
        attention_norm: name("input_layernorm.weight"),
        qkv: all(&["self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"]),
        qkv_bias: None,
        head_norms: None,
        attention_output: name("self_attn.o_proj.weight"),
        post_attention_norm: None,
        feed_forward_norm: name("post_attention_layernorm.weight"),
        gate_up: all(&["mlp.gate_proj.weight", "mlp.up_proj.weight"]),
        down: name("mlp.down_proj.weight"),
        post_feed_forward_norm: None,
    }
}

/// A rotation by its parameters. Hugging Face folders have the values that turn together half a head apart.
pub fn rope(parameters: &Value, head_len: usize, part: f32, theta: f32) -> Result<RopeSpec, ArchitectureError> {
    if !parameters.is_object() && !parameters.is_null() {
        return Err(bad("rope_parameters", parameters, "they must be an object"));
    }
    let rotated_len = (head_len as f32 * part) as usize;
    if rotated_len > head_len || rotated_len == 0 || !rotated_len.is_multiple_of(2) {
        return Err(bad("partial_rotary_factor", part, "an even number of a head's values must turn"));
    }
    let required =
        |name: &str| positive(parameters, name)?.ok_or_else(|| ArchitectureError::Absent { field: name.to_owned() });
    let kind = present(&parameters["rope_type"]).or(present(&parameters["type"]));
    let scaling = match kind.map(|kind| kind.as_str().ok_or(kind)) {
        None | Some(Ok("default")) => RopeScaling::None,
        Some(Ok("linear")) => RopeScaling::Linear(required("factor")?),
        Some(Ok("llama3")) => {
            let (low, high) = (required("low_freq_factor")?, required("high_freq_factor")?);
            if high <= low {
                return Err(bad("high_freq_factor", high, "it must be above low_freq_factor"));
            }
            RopeScaling::Llama3 {
                factor: required("factor")?,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_context: required("original_max_position_embeddings")? as u32,
            }
        }
        Some(Ok("yarn")) => {
            yarn(parameters, required("factor")?, required("original_max_position_embeddings")? as u32)?
        }
        Some(Ok(kind)) => return Err(ArchitectureError::UnsupportedRope { kind: kind.to_owned() }),
        Some(Err(kind)) => return Err(bad("rope_type", kind, "it must be a kind's name")),
    };
    Ok(RopeSpec { rotated_len, theta, style: RopeStyle::Halves, scaling, factors: None, long: None })
}

/// YaRN. What the reference takes for the whole factor of cosines and sines is here a factor beside the usual one.
fn yarn(parameters: &Value, factor: f32, original_context: u32) -> Result<RopeScaling, ArchitectureError> {
    if factor < 1.0 {
        return Err(bad("factor", factor, "it must be at least 1"));
    }
    for name in ["mscale", "mscale_all_dim", "truncate"] {
        if let Some(value) = present(&parameters[name]).filter(|value| **value != Value::Bool(true)) {
            return Err(bad(name, value, "YaRN with this field is not supported"));
        }
    }
    let attention_factor = match positive(parameters, "attention_factor")? {
        Some(whole) => whole / (1.0 + 0.1 * factor.ln()),
        None => 1.0,
    };
    Ok(RopeScaling::Yarn {
        factor,
        beta_fast: positive(parameters, "beta_fast")?.unwrap_or(YARN_BETA_FAST),
        beta_slow: positive(parameters, "beta_slow")?.unwrap_or(YARN_BETA_SLOW),
        attention_factor,
        original_context,
    })
}

/// A positive, finite number that may be absent.
pub fn positive(object: &Value, name: &str) -> Result<Option<f32>, ArchitectureError> {
    let read = |value: &Value| match value.as_f64().map(|number| number as f32) {
        Some(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err(bad(name, value, "it must be a finite number above 0")),
    };
    present(&object[name]).map(read).transpose()
}

fn present(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}

pub fn bad(name: &str, value: impl ToString, reason: &'static str) -> ArchitectureError {
    ArchitectureError::BadValue { key: format!("config.json: {name}"), value: value.to_string(), reason }
}
