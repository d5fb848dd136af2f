//! What a request says about sampling, as the options of the runtime's functions. Ranges are the
//! runtime's to check, so that they are the same whichever way one calls.

use super::{
    error::ApiError,
    fields::{Fields, shown},
};
use serde_json::{Map, Value, json};

/// Entries of a logit bias, as the default runtime bounds them. Looked at here, too, before each becomes an object.
const LOGIT_BIAS_ENTRIES_MAX: usize = 1024;

/// Fields that mean the same on both sides. `top_k`, `min_p` and `repetition_penalty` are not OpenAI's,
/// but what others that serve this API call them.
const SAME: [&str; 7] =
    ["temperature", "top_p", "presence_penalty", "frequency_penalty", "top_k", "min_p", "repetition_penalty"];

/// Takes the fields that chat and completions share.
pub fn read(fields: &mut Fields) -> Result<Map<String, Value>, ApiError> {
    let mut options = Map::new();
    for name in SAME {
        if let Some(value) = fields.take(name) {
            options.insert(name.to_owned(), value);
        }
    }
    if let Some(stop) = fields.take("stop") {
        let stops = match stop {
            Value::String(_) => json!([stop]),
            stops => stops,
        };
        options.insert("stop".to_owned(), stops);
    }
    if let Some(seed) = fields.take("seed") {
        options.insert("seed".to_owned(), read_seed(&seed)?.into());
    }
    if let Some(bias) = fields.take("logit_bias") {
        options.insert("logit_bias".to_owned(), logit_bias(&bias)?);
    }
    Ok(options)
}

/// OpenAI's seeds may be negative; each is one of ours.
fn read_seed(seed: &Value) -> Result<u64, ApiError> {
    seed.as_u64()
        .or_else(|| seed.as_i64().map(i64::cast_unsigned))
        .ok_or_else(|| ApiError::invalid("seed", format_args!("expected a whole number, got {}", shown(seed))))
}

/// `{"42": -1}` becomes `[{"token": 42, "bias": -1}]`.
fn logit_bias(bias: &Value) -> Result<Value, ApiError> {
    let wrong = || ApiError::invalid("logit_bias", "expected an object of token ids and numbers, like {\"42\": -1.5}");
    let entries = bias.as_object().ok_or_else(wrong)?;
    if entries.len() > LOGIT_BIAS_ENTRIES_MAX {
        let message = format!("must have at most {LOGIT_BIAS_ENTRIES_MAX} entries, not {}", entries.len());
        return Err(ApiError::invalid("logit_bias", message));
    }
    let entries = entries.iter().map(|(token, bias)| {
        let token: u32 = token.parse().map_err(|_| wrong())?;
        if !bias.is_number() {
            return Err(wrong());
        }
        Ok(json!({"token": token, "bias": bias}))
    });
    entries.collect::<Result<Vec<_>, _>>().map(Value::Array)
}
