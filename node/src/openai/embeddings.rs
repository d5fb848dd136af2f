//! `/v1/embeddings`: one call per text.

use super::{Caller, EMBED, error::ApiError, fields::Fields, models};
use crate::{dispatcher::Request, executor::HostModel};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

/// Texts of one request.
const TEXTS_MAX: usize = 2048;
/// Calls of one request that run or wait at once.
const CALLS_AT_ONCE: usize = 8;
/// What the runtime calls a text.
const TEXT: &str = "text";

/// How vectors are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// As numbers.
    Float,
    /// As base64 of little-endian 32-bit floats.
    Base64,
}

/// The vectors of a request's texts.
pub async fn answer(caller: Caller<'_>, mut fields: Fields) -> Result<Value, ApiError> {
    let name = fields.text("model")?.ok_or_else(|| ApiError::missing("model"))?;
    let texts = texts(fields.take("input").ok_or_else(|| ApiError::missing("input"))?)?;
    let encoding = match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(_) => return Err(ApiError::invalid("encoding_format", "expected `float` or `base64`")),
    };
    let dimensions = fields.count("dimensions", 1, u64::MAX)?;
    fields.ignore(&["user"]);
    fields.finish()?;
    let tenant = caller.web.tenant(caller.connection)?;
    let model = models::embedding(&tenant, &name)?;

    let dispatcher = &caller.web.dispatcher;
    let calls = texts.into_iter().map(|text| {
        let tokens = token_count(&model, &text);
        let request = Request { function: EMBED.to_owned(), params: Some(json!({ TEXT: text })), options: None };
        async move {
            let call = dispatcher.prepare(caller.connection, request).await?;
            let vector = dispatcher.run(call, None).await.map_err(in_openai_words)?;
            Ok::<_, ApiError>((vector, tokens))
        }
    });
    let embedded: Vec<(Value, usize)> = futures::stream::iter(calls).buffered(CALLS_AT_ONCE).try_collect().await?;
    let (vectors, tokens): (Vec<Value>, Vec<usize>) = embedded.into_iter().unzip();
    let tokens: usize = tokens.into_iter().sum();
    let length = vectors.first().and_then(Value::as_array).map_or(0, Vec::len);
    if dimensions.is_some_and(|asked| asked != length as u64) {
        return Err(ApiError::unsupported(
            "dimensions",
            format_args!("this model's vectors have {length}, and are not cut"),
        ));
    }
    let data = vectors
        .into_iter()
        .enumerate()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": written(vector, encoding)}));
    Ok(json!({
        "object": "list",
        "data": data.collect::<Vec<_>>(),
        "model": name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }))
}

fn texts(input: Value) -> Result<Vec<String>, ApiError> {
    let items = match input {
        Value::String(text) => return Ok(vec![text]),
        Value::Array(items) if (1..=TEXTS_MAX).contains(&items.len()) => items,
        Value::Array(items) => {
            let message = format_args!("expected 1 to {TEXTS_MAX} texts, got {}", items.len()).to_string();
            return Err(ApiError::invalid("input", message));
        }
        _ => return Err(ApiError::invalid("input", "expected a string or an array of strings")),
    };
    let texts = items.into_iter().map(|item| match item {
        Value::String(text) => Ok(text),
        _ => Err(ApiError::unsupported("input", "token ids are not taken; give texts")),
    });
    texts.collect()
}

fn written(vector: Value, encoding: Encoding) -> Value {
    match encoding {
        Encoding::Float => vector,
        Encoding::Base64 => {
            let numbers = vector.as_array().into_iter().flatten().filter_map(Value::as_f64);
            let bytes: Vec<u8> = numbers.flat_map(|number| (number as f32).to_le_bytes()).collect();
            BASE64_STANDARD.encode(bytes).into()
        }
    }
}

/// Tokens of a text as the model reads it: of what is too long, those that are read.
fn token_count(model: &HostModel, text: &str) -> usize {
    // What cannot be encoded was refused when it was to be embedded.
    model.model().embedding_tokens(text).map_or(0, |tokens| tokens.len())
}

/// The runtime's parameter is this API's `input`.
fn in_openai_words(error: realm_rpc::RpcError) -> ApiError {
    ApiError::from(error).renamed(TEXT, "input")
}
