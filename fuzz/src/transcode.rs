//! JSON to SCALE and back, by types that are as random as the values.
//!
//! ```text
//!   bytes ──► types ──► values as SCALE ─decode─► JSON ─encode─► SCALE ─decode─► the same JSON
//!                  └──► values as JSON  ─encode─► SCALE ─decode─► JSON ─encode─► the same SCALE
//! ```

use crate::{choices::Choices, types::metadata_of, written};
use realm_metadata::{Function, Metadata, Shape};
use serde_json::{Map, Value, json};

/// Values inside values of the JSON that is made here.
const DEPTH_MAX: usize = 6;
/// Items of an array or an object that is made here.
const ITEMS_MAX: usize = 4;
/// Bytes of JSON that one byte of SCALE may become, and for nothing: values without bytes are counted by the decoder
/// (65,536 and 8 per byte), and each has a name before it.
const JSON_BYTES_PER_BYTE: usize = 1024;
const JSON_BYTES_BASE: usize = 8 << 20;
/// Keys and texts.
const TEXTS: [&str; 14] =
    ["a", "b", "some", "options", "message", "ok", "none", "http_error", "x_1", "value", "", "0x00ff", "-7", "12.5e3"];

/// Random types, then a value as SCALE or as JSON.
pub fn transcoder(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let json_first = choices.below(2) == 1;
    let Some(metadata) = written(Metadata::decode(&metadata_of(&mut choices))) else { return };
    let function = metadata.resolve("call").expect("the metadata declares it");
    match json_first {
        false => from_scale(&metadata, function, choices.0),
        true => {
            let value = value(&mut choices, DEPTH_MAX);
            let Some(scale) = written(metadata.encode_arguments(function, &json!({"value": value}))) else { return };
            from_scale(&metadata, function, &scale);
        }
    }
    written(metadata.decode_return(function, choices.0));
}

/// What decodes must encode again, to what decodes to the same JSON.
fn from_scale(metadata: &Metadata, function: &Function, scale: &[u8]) {
    let Some(json) = written(metadata.decode_arguments(function, scale)) else { return };
    let text = json.to_string();
    let most = JSON_BYTES_BASE + scale.len() * JSON_BYTES_PER_BYTE;
    assert!(text.len() <= most, "{} bytes of JSON for {} of SCALE", text.len(), scale.len());
    if has_floats(metadata) {
        // Not-a-number is given as null, which is no float.
        return;
    }
    // Through text, as values go over the wire; text that nests too deep for serde_json cannot.
    let Ok(json) = serde_json::from_str::<Value>(&text) else { return };
    let again = match metadata.encode_arguments(function, &json) {
        Ok(again) => again,
        Err(error) => panic!("{json} was decoded and does not encode: {error}"),
    };
    let second = metadata.decode_arguments(function, &again).expect("what was encoded decodes");
    assert_eq!(second, json, "from {} and {}", hex::encode(scale), hex::encode(&again));
    if !has_maps(metadata) {
        // Maps are sorted, and of two equal keys one stays.
        assert_eq!(hex::encode(again), hex::encode(scale), "{json}");
    }
}

fn has_floats(metadata: &Metadata) -> bool {
    metadata.types().iter().any(|(_, entry)| entry.shape == Shape::Float)
}

fn has_maps(metadata: &Metadata) -> bool {
    metadata.types().iter().any(|(_, entry)| matches!(entry.shape, Shape::Map(..)))
}

/// Any JSON.
fn value(choices: &mut Choices<'_>, depth: usize) -> Value {
    match choices.below(if depth == 0 { 7 } else { 10 }) {
        0 => Value::Null,
        1 => json!(choices.below(2) == 1),
        2 => json!(choices.byte()),
        3 => json!(i64::from_le_bytes(eight(choices))),
        4 => json!(f64::from_bits(u64::from_le_bytes(eight(choices)))),
        5 => json!(choices.one_of(&TEXTS)),
        6 => {
            let len = choices.below(20);
            json!(String::from_utf8_lossy(choices.take(len)))
        }
        7 | 8 => (0..choices.below(ITEMS_MAX)).map(|_| value(choices, depth - 1)).collect(),
        _ => {
            let mut object = Map::new();
            for _ in 0..choices.below(ITEMS_MAX) {
                let key = choices.one_of(&TEXTS).unwrap_or_default().to_owned();
                object.insert(key, value(choices, depth - 1));
            }
            Value::Object(object)
        }
    }
}

fn eight(choices: &mut Choices<'_>) -> [u8; 8] {
    std::array::from_fn(|_| choices.byte())
}
