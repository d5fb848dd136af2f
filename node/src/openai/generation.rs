//! From an order of either form to its calls, and their answers in one piece.

use super::{
    Caller,
    choice::{Form, Head},
    error::ApiError,
    fields::Fields,
    models, streaming,
};
use crate::{
    dispatcher::{PreparedCall, Request},
    executor::HostModel,
    web::json,
};
use futures::{StreamExt, TryStreamExt};
use http::{Response, StatusCode};
use jsonrpsee::server::HttpBody;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Choices per prompt.
pub const CHOICES_MAX: u64 = 16;
/// Choices of all prompts of a request.
const CHOICES_TOTAL_MAX: usize = 64;
/// Calls of one request that run or wait at once. A stream's all do.
const CALLS_AT_ONCE: usize = 8;

/// Fields that change nothing in an answer.
const HARMLESS: [&str; 9] = [
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
    "prediction",
];

/// What a request of either form says beside its prompts and how to sample.
#[derive(Debug)]
pub struct Common {
    model: String,
    /// Choices per prompt.
    pub n: u64,
    stream: bool,
    include_usage: bool,
}

impl Common {
    /// Takes its fields.
    pub fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        fields.ignore(&HARMLESS);
        let stream = fields.flag("stream")?;
        let include_usage = match fields.take("stream_options") {
            None => false,
            Some(_) if !stream => return Err(ApiError::invalid("stream_options", "needs `stream` to be true")),
            Some(options @ Value::Object(_)) => {
                let mut options = Fields::of_body(Some(options))?;
                let include_usage = options.flag("include_usage");
                options.ignore(&["include_obfuscation"]);
                options.finish().and(include_usage).map_err(|error| error.under("stream_options"))?
            }
            Some(_) => return Err(ApiError::invalid("stream_options", "expected an object")),
        };
        Ok(Self {
            model: fields.text("model")?.ok_or_else(|| ApiError::missing("model"))?,
            n: fields.count("n", 1, CHOICES_MAX)?.unwrap_or(1),
            stream,
            include_usage,
        })
    }
}

/// Everything that a request asks for.
#[derive(Debug)]
pub struct Order {
    /// The runtime's function.
    pub function: &'static str,
    /// How its answers are written.
    pub form: Form,
    /// The function's parameters without the options, once per prompt.
    pub prompts: Vec<Map<String, Value>>,
    /// The function's options. The i-th choice of a prompt has the i-th seed from the one given, so
    /// that the choices of one request differ and yet can be had again.
    pub options: Map<String, Value>,
    /// The rest.
    pub common: Common,
}

/// Answers an order.
pub async fn answer(caller: Caller<'_>, order: Order) -> Result<Response<HttpBody>, ApiError> {
    let tenant = caller.web.tenant(caller.connection)?;
    let model = models::generating(&tenant, &order.common.model)?;
    let calls = prepare(caller, &order).await?;
    let head = Head::new(order.form, model, &calls)?;
    let per_prompt = usize::try_from(order.common.n).unwrap_or(1);
    if order.common.stream {
        let usage = order.common.include_usage.then_some(per_prompt);
        return streaming::answer(caller.web, head, calls, usage).await;
    }
    let results = calls.into_iter().map(|call| caller.web.dispatcher.run(call, None));
    let results: Vec<Value> = futures::stream::iter(results).buffered(CALLS_AT_ONCE).try_collect().await?;
    let choices: Vec<_> = results.iter().enumerate().map(|(index, result)| head.whole(index, result)).collect();
    let mut body = head.object(head.form().object(), choices);
    body["usage"] = usage(&results, per_prompt);
    Ok(json(StatusCode::OK, &body))
}

/// One call per choice, prompt by prompt. Nothing runs before all are known to be possible.
async fn prepare(caller: Caller<'_>, order: &Order) -> Result<Vec<PreparedCall>, ApiError> {
    let per_prompt = order.common.n;
    if order.prompts.len().saturating_mul(usize::try_from(per_prompt).unwrap_or(usize::MAX)) > CHOICES_TOTAL_MAX {
        return Err(ApiError::invalid("n", format_args!("prompts and choices make more than {CHOICES_TOTAL_MAX}")));
    }
    let seed = order.options.get("seed").and_then(Value::as_u64);
    let mut calls = Vec::new();
    for prompt in &order.prompts {
        for choice in 0..per_prompt {
            let mut options = order.options.clone();
            if let Some(seed) = seed {
                options.insert("seed".to_owned(), seed.wrapping_add(choice).into());
            }
            let mut params = prompt.clone();
            params.insert("options".to_owned(), Value::Object(options));
            let request =
                Request { function: order.function.to_owned(), params: Some(Value::Object(params)), options: None };
            calls.push(caller.web.dispatcher.prepare(caller.connection, request).await?);
        }
    }
    Ok(calls)
}

/// What all choices used. A prompt with several choices counts once, as OpenAI counts it.
pub fn usage(results: &[Value], per_prompt: usize) -> Value {
    let sum = |name: &str, step: usize| -> u64 {
        results.iter().step_by(step.max(1)).filter_map(|result| result[name].as_u64()).sum()
    };
    let (prompt, completion) = (sum("prompt_tokens", per_prompt), sum("tokens_generated", 1));
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum("cached_tokens", per_prompt)},
    })
}

/// Which code and weights answer, as OpenAI's `system_fingerprint` means it.
pub fn fingerprint(model: &Arc<HostModel>, call: Option<&PreparedCall>) -> Option<String> {
    const BYTES: usize = 5;
    let code = &call?.transcoder().runtime().code.hash.0[..BYTES];
    let weights = &model.model().info().hash[..BYTES];
    Some(format!("fp_{}{}", hex::encode(code), hex::encode(weights)))
}
