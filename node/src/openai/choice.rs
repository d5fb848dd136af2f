//! Choices and what stands around them, in the two forms that generations have.

use super::{error::ApiError, generation::fingerprint, logprobs};
use crate::{dispatcher::PreparedCall, executor::HostModel, web::unix_time};
use realm_rpc::{ErrorCode, RpcError};
use serde_json::{Value, json};
use std::sync::Arc;

/// Random bytes of an answer's id.
const ID_BYTES: usize = 12;

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As messages.
    Chat {
        /// Whether log-probabilities were asked for.
        logprobs: bool,
    },
    /// As texts.
    Text {
        /// Whether log-probabilities were asked for.
        logprobs: bool,
    },
}

impl Form {
    /// What an answer in one piece is called.
    pub fn object(self) -> &'static str {
        match self {
            Form::Chat { .. } => "chat.completion",
            Form::Text { .. } => "text_completion",
        }
    }

    /// What a piece of an answer is called.
    pub fn chunk_object(self) -> &'static str {
        match self {
            Form::Chat { .. } => "chat.completion.chunk",
            Form::Text { .. } => "text_completion",
        }
    }
}

/// How far a choice has been sent.
#[derive(Clone, Default, Debug)]
pub struct Progress {
    /// Its first piece was sent.
    pub begun: bool,
    /// Entries of its log-probabilities that were sent.
    pub logprobs_sent: usize,
    /// Characters of the tokens whose entries were sent.
    pub text_offset: usize,
}

/// What all pieces of one answer have in common.
#[derive(Debug)]
pub struct Head {
    form: Form,
    id: String,
    created: u64,
    fingerprint: Option<String>,
    model: Arc<HostModel>,
}

impl Head {
    /// The head of the answer that these calls give.
    pub fn new(form: Form, model: Arc<HostModel>, calls: &[PreparedCall]) -> Result<Self, ApiError> {
        let mut random = [0; ID_BYTES];
        getrandom::fill(&mut random).map_err(|error| RpcError::new(ErrorCode::Internal, error.to_string()))?;
        let prefix = match form {
            Form::Chat { .. } => "chatcmpl",
            Form::Text { .. } => "cmpl",
        };
        Ok(Self {
            form,
            id: format!("{prefix}-{}", hex::encode(random)),
            created: unix_time(),
            fingerprint: fingerprint(&model, calls.first()),
            model,
        })
    }

    /// How it is written.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The answer, or a piece of it, with these choices.
    pub fn object(&self, object: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model.name(),
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        })
    }

    /// A choice in one piece.
    pub fn whole(&self, index: usize, result: &Value) -> Value {
        let logprobs = self.logprobs(result, &mut Progress::default());
        let (text, reason) = (&result["text"], &result["finish_reason"]);
        match self.form {
            Form::Chat { .. } => {
                let message = json!({"role": "assistant", "content": text, "refusal": null, "annotations": []});
                json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason})
            }
            Form::Text { .. } => json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}),
        }
    }

    /// What comes before a choice's first text, in the form that has such a thing.
    pub fn beginning(&self, index: usize) -> Option<Value> {
        match self.form {
            Form::Chat { .. } => {
                let delta = json!({"role": "assistant", "content": "", "refusal": null});
                Some(json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": null}))
            }
            Form::Text { .. } => None,
        }
    }

    /// Text that became certain: an item of the stream.
    pub fn piece(&self, index: usize, item: &Value, progress: &mut Progress) -> Value {
        self.part(index, Some(&item["token"]), self.logprobs(item, progress), &Value::Null)
    }

    /// The end of a choice, with the log-probabilities of tokens that gave no text.
    pub fn end(&self, index: usize, result: &Value, progress: &mut Progress) -> Value {
        let mut rest = result["logprobs"].as_array().cloned().unwrap_or_default();
        rest.drain(..progress.logprobs_sent.min(rest.len()));
        let logprobs = match rest.is_empty() {
            true => Value::Null,
            false => self.logprobs(&json!({ "logprobs": rest }), progress),
        };
        self.part(index, None, logprobs, &result["finish_reason"])
    }

    fn part(&self, index: usize, text: Option<&Value>, logprobs: Value, reason: &Value) -> Value {
        match self.form {
            Form::Chat { .. } => {
                let delta = text.map_or_else(|| json!({}), |text| json!({ "content": text }));
                json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason})
            }
            Form::Text { .. } => {
                let text = text.and_then(Value::as_str).unwrap_or_default();
                json!({"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason})
            }
        }
    }

    /// The log-probabilities in an item or a result, where they were asked for.
    fn logprobs(&self, of: &Value, progress: &mut Progress) -> Value {
        let Some(entries) = of["logprobs"].as_array() else { return Value::Null };
        progress.logprobs_sent += entries.len();
        match self.form {
            Form::Chat { logprobs: true } => logprobs::of_chat(&self.model, entries),
            Form::Text { logprobs: true } => logprobs::of_text(&self.model, entries, &mut progress.text_offset),
            Form::Chat { .. } | Form::Text { .. } => Value::Null,
        }
    }
}
