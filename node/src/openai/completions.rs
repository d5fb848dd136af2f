//! `/v1/completions`: what is asked for.

use super::{
    COMPLETE,
    choice::Form,
    error::ApiError,
    fields::Fields,
    generation::{CHOICES_MAX, Common, Order},
    sampling,
};
use serde_json::{Map, Value, json};

/// Likeliest alternatives per token, as OpenAI bounds them here.
const LOGPROBS_MAX: u64 = 5;
/// New tokens where the request does not say, as OpenAI's reference has it.
const MAX_TOKENS_DEFAULT: u64 = 16;

/// Reads a request.
pub fn read(mut fields: Fields) -> Result<Order, ApiError> {
    let prompts = prompts(fields.take("prompt").ok_or_else(|| ApiError::missing("prompt"))?)?;
    let mut options = sampling::read(&mut fields)?;
    options.insert("max_tokens".to_owned(), fields.take("max_tokens").unwrap_or(MAX_TOKENS_DEFAULT.into()));
    let logprobs = fields.count("logprobs", 0, LOGPROBS_MAX)?;
    if let Some(top) = logprobs {
        options.insert("logprobs".to_owned(), top.into());
    }
    fields.refuse("echo", &[json!(false)], "the prompt is not repeated")?;
    fields.refuse("suffix", &[json!("")], "texts are continued, and not filled in")?;
    let best_of = fields.count("best_of", 1, CHOICES_MAX)?;
    let common = Common::read(&mut fields)?;
    if best_of.is_some_and(|best_of| best_of != common.n) {
        return Err(ApiError::unsupported("best_of", "must be `n`: every choice made is given"));
    }
    fields.finish()?;
    Ok(Order { function: COMPLETE, form: Form::Text { logprobs: logprobs.is_some() }, prompts, options, common })
}

fn prompts(prompt: Value) -> Result<Vec<Map<String, Value>>, ApiError> {
    let texts = match prompt {
        Value::String(text) => vec![text],
        Value::Array(items) if !items.is_empty() => {
            let texts = items.into_iter().map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(ApiError::unsupported("prompt", "token ids are not taken; give texts")),
            });
            texts.collect::<Result<Vec<_>, _>>()?
        }
        _ => return Err(ApiError::invalid("prompt", "expected a string or an array with at least one")),
    };
    Ok(texts.into_iter().map(|text| Map::from_iter([("prompt".to_owned(), Value::String(text))])).collect())
}
