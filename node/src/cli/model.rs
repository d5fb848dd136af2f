//! `realm model`: look at a model's files, and fetch them from a hub.

use super::{
    Failure,
    args::{InspectArgs, PullArgs},
    output::{self, Form},
};
use crate::service::{Download, fetched, hub_config};
use realm_engine::{
    Inspection,
    hub::{self, HubError, HubRef, SCHEME},
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Prints what a model is, without loading it.
///
/// # Errors
/// The files cannot be read, or are of a model that is not supported.
pub fn inspect(args: InspectArgs, form: Form) -> Result<(), Failure> {
    let path = match args.path.to_str().filter(|text| text.starts_with(SCHEME)) {
        Some(reference) => fetched(reference)?,
        None => args.path,
    };
    let inspection = Inspection::of(&path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    let path = path.display().to_string();
    match form {
        Form::Json => output::line(json(&path, &inspection)),
        Form::Human => lines(&path, &inspection)
            .into_iter()
            .try_for_each(|(name, value)| output::line(format_args!("{name:<13} {value}"))),
    }
}

/// Fetches a model into the Hugging Face cache and prints its path.
///
/// # Errors
/// See [`HubError`]: one line each.
pub fn pull(args: PullArgs, form: Form) -> Result<(), Failure> {
    let reference: HubRef = args.reference.parse()?;
    let path: PathBuf = hub::pull(&reference, &hub_config(), &Download::new())?;
    match form {
        Form::Json => output::line(json!({"reference": reference.to_string(), "path": path})),
        Form::Human => output::line(path.display()),
    }
}

fn lines(path: &str, inspection: &Inspection) -> Vec<(&'static str, String)> {
    let Inspection { info, .. } = inspection;
    let types = inspection.types.iter().map(|share| {
        let plural = if share.tensors == 1 { "" } else { "s" };
        format!("{} in {} tensor{plural}, {}", share.name, share.tensors, bytes(share.bytes))
    });
    let token = |id: Option<u32>| id.map_or("none".to_owned(), |id| id.to_string());
    let heads = match info.kv_head_count == info.head_count {
        true => format!("{} heads of {}", info.head_count, info.head_length),
        false => {
            format!("{} heads of {}, {} of keys and values", info.head_count, info.head_length, info.kv_head_count)
        }
    };
    let mut lines = vec![
        ("path", path.to_owned()),
        ("name", info.name.clone()),
        ("format", format!("{}, {}", inspection.format, bytes(info.file_bytes))),
        ("architecture", info.architecture.clone()),
        ("parameters", info.parameter_count.to_string()),
        ("quantisation", format!("{} ({})", info.quantization, types.collect::<Vec<_>>().join("; "))),
        ("context", format!("{} tokens", info.context_length)),
        (
            "shape",
            format!(
                "{} layers, hidden {}, feed-forward {}, {heads}",
                info.layer_count, info.embedding_length, info.feed_forward_length
            ),
        ),
        ("positions", inspection.positions.clone()),
        (
            "tokenizer",
            format!(
                "{}, {} tokens, {} of them control tokens; begins {}, ends {}",
                inspection.tokenizer,
                info.vocab_size,
                inspection.control_tokens,
                token(inspection.bos),
                token(inspection.eos)
            ),
        ),
    ];
    match inspection.embeds {
        Some((pooling, normalized)) => {
            let scale = if normalized { ", scaled to length 1" } else { "" };
            lines.push(("embeds", format!("{} values, pooled by {pooling}{scale}", info.embedding_length)));
            lines.push(("memory", format!("{} of weights", bytes(inspection.weight_bytes))));
        }
        None => {
            let template = if inspection.has_template { "the model's own" } else { "none; ChatML is used" };
            lines.push(("template", template.to_owned()));
            lines.push((
                "memory",
                format!(
                    "{} of weights; keys and values: {} per token, {} for a whole context",
                    bytes(inspection.weight_bytes),
                    bytes(info.kv_bytes_per_token),
                    bytes(inspection.context_kv_bytes)
                ),
            ));
        }
    }
    lines
}

fn json(path: &str, inspection: &Inspection) -> Value {
    let Inspection { info, .. } = inspection;
    let types = inspection
        .types
        .iter()
        .map(|share| json!({"type": share.name, "tensors": share.tensors, "bytes": share.bytes}));
    json!({
        "path": path,
        "name": info.name,
        "format": inspection.format,
        "file_bytes": info.file_bytes,
        "architecture": info.architecture,
        "parameter_count": info.parameter_count,
        "quantization": info.quantization,
        "tensor_types": types.collect::<Vec<_>>(),
        "context_length": info.context_length,
        "layer_count": info.layer_count,
        "embedding_length": info.embedding_length,
        "feed_forward_length": info.feed_forward_length,
        "head_count": info.head_count,
        "kv_head_count": info.kv_head_count,
        "head_length": info.head_length,
        "positions": inspection.positions,
        "tokenizer": {
            "kind": inspection.tokenizer,
            "tokens": info.vocab_size,
            "control_tokens": inspection.control_tokens,
            "bos": inspection.bos,
            "eos": inspection.eos,
        },
        "chat_template": info.chat_template,
        "embeds": inspection.embeds.map(|(pooling, normalized)| json!({"pooling": pooling, "normalized": normalized})),
        "memory": {
            "weight_bytes": inspection.weight_bytes,
            "kv_bytes_per_token": info.kv_bytes_per_token,
            "context_kv_bytes": inspection.context_kv_bytes,
        },
    })
}

/// `1.5 GiB`; whole numbers below a KiB.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = None;
    for name in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = Some(name);
    }
    unit.map_or_else(|| format!("{count} B"), |unit| format!("{value:.1} {unit}"))
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::Unreachable { .. } | HubError::Transfer { .. } => Failure::Connection(error.to_string()),
            error => Failure::Usage(error.to_string()),
        }
    }
}
