//! `/v1/chat/completions`: what is asked for.

use super::{
    CHAT,
    choice::Form,
    error::ApiError,
    fields::{Fields, shown},
    generation::{Common, Order},
    sampling,
};
use serde_json::{Map, Value, json};

/// Likeliest alternatives per token.
const TOP_LOGPROBS_MAX: u64 = 20;

/// Reads a request.
pub fn read(mut fields: Fields) -> Result<Order, ApiError> {
    let messages = match fields.take("messages") {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        Some(_) => return Err(ApiError::invalid("messages", "expected an array with at least one message")),
        None => return Err(ApiError::missing("messages")),
    };
    let messages = messages.into_iter().enumerate().map(|(index, message)| read_message(index, message));
    let messages = messages.collect::<Result<Vec<_>, _>>()?;
    let mut options = sampling::read(&mut fields)?;
    // The second name is the newer one, and goes first where both are given.
    let (old, new) = (fields.take("max_tokens"), fields.take("max_completion_tokens"));
    if let Some(max_tokens) = new.or(old) {
        options.insert("max_tokens".to_owned(), max_tokens);
    }
    let logprobs = fields.flag("logprobs")?;
    match (logprobs, fields.count("top_logprobs", 0, TOP_LOGPROBS_MAX)?) {
        (true, top) => drop(options.insert("logprobs".to_owned(), top.unwrap_or(0).into())),
        (false, Some(_)) => return Err(ApiError::invalid("top_logprobs", "needs `logprobs` to be true")),
        (false, None) => {}
    }
    refuse_what_is_not_done(&mut fields)?;
    let common = Common::read(&mut fields)?;
    fields.finish()?;
    Ok(Order {
        function: CHAT,
        form: Form::Chat { logprobs },
        prompts: vec![Map::from_iter([("messages".to_owned(), Value::Array(messages))])],
        options,
        common,
    })
}

fn refuse_what_is_not_done(fields: &mut Fields) -> Result<(), ApiError> {
    let no_tools = "the model calls no tools; leave it out";
    fields.refuse("tools", &[json!([])], no_tools)?;
    fields.refuse("tool_choice", &[json!("none"), json!("auto")], no_tools)?;
    fields.refuse("functions", &[json!([])], no_tools)?;
    fields.refuse("function_call", &[json!("none"), json!("auto")], no_tools)?;
    fields.refuse("modalities", &[json!(["text"])], "answers are text")?;
    fields.refuse("audio", &[], "answers are text")?;
    fields.refuse("web_search_options", &[], "the node searches nothing")?;
    fields.refuse("reasoning_effort", &[json!("none")], "how long a model reasons is its own")?;
    fields.refuse("verbosity", &[json!("medium")], "how long answers are is the model's own; use max_tokens")?;
    let text = json!({"type": "text"});
    fields.refuse(
        "response_format",
        &[text],
        "only {\"type\": \"text\"} can be honoured: answers are not forced into JSON",
    )
}

fn read_message(index: usize, message: Value) -> Result<Value, ApiError> {
    let path = |field: &str| format!("messages[{index}].{field}");
    let Value::Object(_) = message else {
        return Err(ApiError::invalid(&format!("messages[{index}]"), "expected an object with role and content"));
    };
    let mut fields = Fields::of_body(Some(message))?;
    let role = match fields.take("role") {
        Some(Value::String(role)) => role,
        Some(other) => {
            return Err(ApiError::invalid(&path("role"), format_args!("expected a string, got {}", shown(&other))));
        }
        None => return Err(ApiError::missing(&path("role"))),
    };
    let role = match role.as_str() {
        "system" | "user" | "assistant" => role,
        // What OpenAI calls instructions to newer models.
        "developer" => "system".to_owned(),
        "tool" | "function" => return Err(ApiError::unsupported(&path("role"), "the model calls no tools")),
        other => {
            let other: String = other.chars().take(32).collect();
            return Err(ApiError::invalid(
                &path("role"),
                format_args!("`{other}` is none of system, developer, user, assistant"),
            ));
        }
    };
    let content = match fields.take("content") {
        Some(content) => read_content(&path("content"), content)?,
        None => return Err(ApiError::missing(&path("content"))),
    };
    // An answer of this API may be given back as it was.
    fields.ignore(&["refusal", "annotations"]);
    for name in ["tool_calls", "function_call", "audio"] {
        if fields.take(name).is_some_and(|value| value != json!([])) {
            return Err(ApiError::unsupported(&path(name), "messages are text"));
        }
    }
    if fields.take("name").is_some() {
        return Err(ApiError::unsupported(&path("name"), "chat templates know roles and no names"));
    }
    fields.finish().map_err(|error| error.under(&format!("messages[{index}]")))?;
    Ok(json!({"role": role, "content": content}))
}

/// A text, or parts of one.
fn read_content(path: &str, content: Value) -> Result<String, ApiError> {
    let parts = match content {
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        other => {
            return Err(ApiError::invalid(path, format_args!("expected a string or parts, got {}", shown(&other))));
        }
    };
    let mut whole = String::new();
    for (index, part) in parts.iter().enumerate() {
        match (part["type"].as_str(), part["text"].as_str()) {
            (Some("text"), Some(text)) => whole.push_str(text),
            (Some("text"), None) => return Err(ApiError::missing(&format!("{path}[{index}].text"))),
            _ => return Err(ApiError::unsupported(&format!("{path}[{index}]"), "only parts of type `text` are taken")),
        }
    }
    Ok(whole)
}
