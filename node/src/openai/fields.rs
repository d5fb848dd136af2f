//! The fields of a request, taken one by one: what is left in the end is known to nobody and refused.

use super::error::ApiError;
use serde_json::{Map, Value};

/// Fields that were not taken yet. A null counts as not there.
#[derive(Debug)]
pub struct Fields {
    left: Map<String, Value>,
}

impl Fields {
    /// The fields of a request's body.
    pub fn of_body(body: Option<Value>) -> Result<Self, ApiError> {
        match body {
            Some(Value::Object(left)) => Ok(Self { left }),
            _ => Err(ApiError::not_an_object()),
        }
    }

    /// Takes a field as it is.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.left.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(ApiError::invalid(name, format_args!("expected a string, got {}", shown(&other)))),
        }
    }

    /// Takes true or false; absent is false.
    pub fn flag(&mut self, name: &str) -> Result<bool, ApiError> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(ApiError::invalid(name, format_args!("expected true or false, got {}", shown(&other)))),
        }
    }

    /// Takes a whole number within bounds.
    pub fn count(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_u64() {
            Some(count) if (min..=max).contains(&count) => Ok(Some(count)),
            _ => Err(ApiError::invalid(
                name,
                format_args!("expected a whole number from {min} to {max}, got {}", shown(&value)),
            )),
        }
    }

    /// Takes fields that change nothing in an answer, whatever they say.
    pub fn ignore(&mut self, names: &[&str]) {
        names.iter().for_each(|name| drop(self.take(name)));
    }

    /// Refuses a field, unless it says what is so anyway.
    pub fn refuse(&mut self, name: &str, neutral: &[Value], why: &str) -> Result<(), ApiError> {
        match self.take(name) {
            Some(value) if !neutral.contains(&value) => Err(ApiError::unsupported(name, why)),
            _ => Ok(()),
        }
    }

    /// Refuses what nobody took.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.left.into_iter().find(|(_, value)| !value.is_null()) {
            Some((name, _)) => {
                let name: String = name.chars().take(64).collect();
                Err(ApiError::unsupported(&name, "there is no such field here"))
            }
            None => Ok(()),
        }
    }
}

/// A value, shortened for a message.
pub fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
