//! Where in the parameters a value stands, and how errors quote what stands there.

use serde_json::Value;

/// Characters of a client's value that an error quotes.
const QUOTED_CHARS_MAX: usize = 40;

/// Where in the parameters the encoder is: `options.stop[2]`.
#[derive(Clone, Default)]
pub(super) struct Path(String);

impl Path {
    /// Appends a field; gives what `pop` takes to remove it again.
    pub(super) fn push_field(&mut self, name: &str) -> usize {
        let parent = self.0.len();
        if parent > 0 {
            self.0.push('.');
        }
        self.0.push_str(name);
        parent
    }

    /// Appends the index of an item.
    pub(super) fn push_index(&mut self, index: usize) -> usize {
        let parent = self.0.len();
        self.0.push_str(&format!("[{index}]"));
        parent
    }

    /// Removes what was appended last.
    pub(super) fn pop(&mut self, parent: usize) {
        self.0.truncate(parent);
    }

    /// The path; `params` for the parameters as a whole.
    pub(super) fn text(&self) -> String {
        if self.0.is_empty() { "params".to_owned() } else { self.0.clone() }
    }
}

/// A JSON value as errors show it: `number 5`, `string "abc"`, `array of 3`.
pub(super) fn quoted(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("boolean {value}"),
        Value::Number(number) => format!("number {number}"),
        Value::String(text) => format!("string {:?}", cut(text)),
        Value::Array(values) => format!("array of {}", values.len()),
        Value::Object(_) => "object".to_owned(),
    }
}

/// The text, or its beginning if it is long.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
