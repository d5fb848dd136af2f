//! What the JSON of one answer or item may take: bytes as text, and bytes of memory while it is a tree of values.
//! Few bytes of SCALE can mean much JSON (an enum's byte is a name, a number's byte is an object's entry), so both are
//! counted before a value is made.

use serde_json::Value;

use super::DecodeError;

/// Bytes of JSON text that one answer, or the arguments of one call, may become: 64 MiB.
pub const ANSWER_JSON_BYTES_MAX: usize = 64 << 20;
/// Bytes of memory that the values of one answer may take before they are written as text: 256 MiB.
pub const ANSWER_TREE_BYTES_MAX: usize = 256 << 20;
/// Bytes of JSON text that one item of a stream may become: 4 MiB.
pub const ITEM_JSON_BYTES_MAX: usize = 4 << 20;
/// Bytes of memory that the values of one item may take: 16 MiB.
pub const ITEM_TREE_BYTES_MAX: usize = 16 << 20;

/// Memory of a value itself. Lists grow by doubling, so that half of their room may be unused.
const VALUE_BYTES: usize = 2 * size_of::<Value>();
/// Memory of a list or an object beside its entries.
const CONTAINER_BYTES: usize = 64;
/// Memory of an object's entry beside its value and the bytes of its key: hash, key, place in the table, twice for
/// growth.
const ENTRY_BYTES: usize = 2 * (size_of::<String>() + 3 * size_of::<usize>());
/// Memory that the allocator adds to a text.
const TEXT_BYTES: usize = 16;
/// `"\u0000"` without its quotes.
const ESCAPED_BYTES: usize = 6;

/// What is left to one answer or item.
#[derive(Debug)]
pub(super) struct Budget {
    json_max: usize,
    json_left: usize,
    tree_max: usize,
    tree_left: usize,
}

impl Budget {
    /// The budget of an answer, or of a call's arguments.
    pub fn of_answer() -> Self {
        Self::new(ANSWER_JSON_BYTES_MAX, ANSWER_TREE_BYTES_MAX)
    }

    /// The budget of one item of a stream.
    pub fn of_item() -> Self {
        Self::new(ITEM_JSON_BYTES_MAX, ITEM_TREE_BYTES_MAX)
    }

    fn new(json_max: usize, tree_max: usize) -> Self {
        Self { json_max, json_left: json_max, tree_max, tree_left: tree_max }
    }

    /// Takes a value whose text has so many bytes, the comma behind it included.
    pub fn value(&mut self, json_bytes: usize) -> Result<(), DecodeError> {
        self.take(json_bytes, VALUE_BYTES)
    }

    /// Takes a list or an object: its brackets and comma.
    pub fn container(&mut self) -> Result<(), DecodeError> {
        self.take("[],".len(), VALUE_BYTES + CONTAINER_BYTES)
    }

    /// Takes the key of an object's entry, quotes and colon included.
    pub fn key(&mut self, key: &str) -> Result<(), DecodeError> {
        self.take(text_json_bytes(key) + ":".len(), ENTRY_BYTES + TEXT_BYTES + key.len())
    }

    /// Takes a text.
    pub fn text(&mut self, text: &str) -> Result<(), DecodeError> {
        self.take(text_json_bytes(text) + ",".len(), VALUE_BYTES + TEXT_BYTES + text.len())
    }

    /// Takes bytes that are written as hex digits.
    pub fn hex(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let digits = bytes.saturating_mul(2);
        self.take(digits.saturating_add("\"0x\",".len()), digits.saturating_add(VALUE_BYTES + TEXT_BYTES))
    }

    fn take(&mut self, json_bytes: usize, tree_bytes: usize) -> Result<(), DecodeError> {
        self.json_left =
            self.json_left.checked_sub(json_bytes).ok_or(DecodeError::JsonTooLarge { bytes_max: self.json_max })?;
        self.tree_left =
            self.tree_left.checked_sub(tree_bytes).ok_or(DecodeError::TreeTooLarge { bytes_max: self.tree_max })?;
        Ok(())
    }
}

/// Bytes of a text in JSON, quotes included, as serde_json escapes it.
fn text_json_bytes(text: &str) -> usize {
    let escaped: usize = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
            0..0x20 => ESCAPED_BYTES - 1,
            _ => 0,
        })
        .sum();
    text.len() + escaped + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_as_they_are_written() {
        for text in ["", "plain", "a \"quoted\" \\ one", "\u{0}\u{1f}\n\t\u{8}", "Grüße 日本 \u{7f}"] {
            assert_eq!(text_json_bytes(text), Value::from(text).to_string().len(), "{text:?}");
        }
    }
}
