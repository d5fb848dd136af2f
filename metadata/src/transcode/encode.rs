//! JSON to SCALE: the encoder, and the types that are not made of others.

use parity_scale_codec::{Compact, Encode};
use serde_json::Value;

use super::{
    DEPTH_MAX, EncodeError,
    number::{self, NumberError},
    path::{Path, quoted},
};
use crate::model::{IntegerWidth, Shape, TypeId, Types};

/// Absent values that one call fills in at most. More than any sane type has; it ends types such as
/// a struct of two structs of two structs of .. options.
pub(super) const ABSENT_MAX: usize = 65_536;

/// Writes values of one call, one after another.
pub(super) struct Encoder<'a> {
    pub(super) types: &'a Types,
    pub(super) output: Vec<u8>,
    pub(super) path: Path,
    pub(super) depth: usize,
    pub(super) absent_left: usize,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(types: &'a Types) -> Self {
        Self { types, output: Vec::new(), path: Path::default(), depth: 0, absent_left: ABSENT_MAX }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.output
    }

    /// Writes the mark of an optional value that is there.
    pub(super) fn some(&mut self) {
        self.output.push(1);
    }

    /// Writes the value at a field of the present path.
    pub(super) fn field(&mut self, name: &str, ty: TypeId, json: &Value) -> Result<(), EncodeError> {
        let parent = self.path.push_field(name);
        self.value(ty, json)?;
        self.path.pop(parent);
        Ok(())
    }

    /// Writes what a field that was left out stands for.
    pub(super) fn absent_field(&mut self, name: &str, ty: TypeId) -> Result<(), EncodeError> {
        let parent = self.path.push_field(name);
        self.absent(ty)?;
        self.path.pop(parent);
        Ok(())
    }

    /// Writes a value.
    pub(super) fn value(&mut self, ty: TypeId, json: &Value) -> Result<(), EncodeError> {
        if self.depth >= DEPTH_MAX {
            return Err(EncodeError::TooDeep { path: self.path.text() });
        }
        self.depth += 1;
        let types = self.types;
        self.shape(ty, &types[ty].shape, json)?;
        self.depth -= 1;
        Ok(())
    }

    /// Writes a value of this shape, which belongs to `ty`.
    pub(super) fn shape(&mut self, ty: TypeId, shape: &Shape, json: &Value) -> Result<(), EncodeError> {
        match shape {
            Shape::Unit => match json {
                Value::Null => {}
                Value::Object(fields) if fields.is_empty() => {}
                Value::Array(values) if values.is_empty() => {}
                _ => return Err(self.wrong("null", json)),
            },
            Shape::Bool => json.as_bool().ok_or_else(|| self.wrong("boolean", json))?.encode_to(&mut self.output),
            Shape::Char => self.char(json)?,
            Shape::Text => json.as_str().ok_or_else(|| self.wrong("string", json))?.encode_to(&mut self.output),
            Shape::Unsigned(width) => {
                let value = self.unsigned(json, *width)?;
                self.little_endian(value.to_le_bytes(), *width);
            }
            Shape::Signed(width) => {
                let max = number::signed_max(*width);
                let value = number::signed(json, *width).map_err(|error| {
                    self.number_error(error, "integer", format!("from {} to {max}", -max - 1), json)
                })?;
                self.little_endian(value.to_le_bytes(), *width);
            }
            Shape::Compact(width) => {
                let value = self.unsigned(json, *width)?;
                Compact(value).encode_to(&mut self.output);
            }
            Shape::Float => {
                let value = number::float(json)
                    .map_err(|error| self.number_error(error, "number", "within a 32-bit float".to_owned(), json))?;
                value.to_bits().encode_to(&mut self.output);
            }
            Shape::Milli => {
                let value = self.scaled(json, 3, false, 0, u32::MAX.into())?;
                self.little_endian(value.to_le_bytes(), IntegerWidth::W32);
            }
            Shape::SignedMilli => {
                let value = self.scaled(json, 3, false, i32::MIN.into(), i32::MAX.into())?;
                self.little_endian(value.to_le_bytes(), IntegerWidth::W32);
            }
            Shape::Nano => {
                let value = self.scaled(json, 9, true, 0, u64::MAX.into())?;
                self.little_endian(value.to_le_bytes(), IntegerWidth::W64);
            }
            Shape::Bytes => {
                let bytes = self.hex(json, "0x and hex digits")?;
                bytes.encode_to(&mut self.output);
            }
            Shape::ByteArray(len) => {
                let expected = format!("0x and {} hex digits", u64::from(*len) * 2);
                let bytes = self.hex(json, &expected)?;
                if bytes.len() != *len as usize {
                    return Err(self.wrong(&expected, json));
                }
                self.output.extend_from_slice(&bytes);
            }
            Shape::Sequence(item) => {
                let values = json.as_array().ok_or_else(|| self.wrong("array", json))?;
                self.len(values.len(), json)?;
                self.items(values.iter().map(|value| (*item, value)))?;
            }
            Shape::Array(item, len) => {
                let values = self.array_of(json, *len as usize)?;
                self.items(values.iter().map(|value| (*item, value)))?;
            }
            Shape::Tuple(items) => {
                let values = self.array_of(json, items.len())?;
                self.items(items.iter().copied().zip(values))?;
            }
            Shape::Newtype(inner) => self.value(*inner, json)?,
            Shape::Struct(fields) => self.structure(ty, fields, json)?,
            Shape::Option(inner) => self.option(*inner, json)?,
            Shape::Enum(variants) => self.variant(ty, variants, json)?,
            Shape::Map(key, value) => self.map(*key, *value, json)?,
            Shape::Unsupported => {
                let type_name = self.types[ty].name.clone();
                return Err(EncodeError::Unsupported { path: self.path.text(), type_name });
            }
        }
        Ok(())
    }

    fn char(&mut self, json: &Value) -> Result<(), EncodeError> {
        let mut chars = json.as_str().unwrap_or_default().chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => u32::from(char).encode_to(&mut self.output),
            _ => return Err(self.wrong("string of one character", json)),
        }
        Ok(())
    }

    fn unsigned(&self, json: &Value, width: IntegerWidth) -> Result<u128, EncodeError> {
        number::unsigned(json, width).map_err(|error| {
            self.number_error(error, "integer", format!("from 0 to {}", number::unsigned_max(width)), json)
        })
    }

    fn scaled(&self, json: &Value, digits: u32, may_be_text: bool, min: i128, max: i128) -> Result<i128, EncodeError> {
        let value = number::scaled(json, digits, may_be_text);
        let in_range =
            value.and_then(|value| if (min..=max).contains(&value) { Ok(value) } else { Err(NumberError::Range) });
        in_range.map_err(|error| {
            let negative = json.as_f64().is_some_and(|value| value < 0.0);
            let bounds = match min == 0 && negative {
                true => ">= 0".to_owned(),
                false => {
                    format!("from {} to {}", number::unscaled_text(min, digits), number::unscaled_text(max, digits))
                }
            };
            self.number_error(error, "number", bounds, json)
        })
    }

    fn hex(&self, json: &Value, expected: &str) -> Result<Vec<u8>, EncodeError> {
        let digits = json.as_str().and_then(|text| text.strip_prefix("0x"));
        digits.and_then(|digits| hex::decode(digits).ok()).ok_or_else(|| self.wrong(expected, json))
    }

    /// The low bytes of a 128-bit integer; its value fits in the width.
    fn little_endian(&mut self, bytes: [u8; 16], width: IntegerWidth) {
        self.output.extend(bytes.into_iter().take(width.bytes()));
    }

    /// The error for a value of another kind.
    pub(super) fn wrong(&self, expected: &str, got: &Value) -> EncodeError {
        EncodeError::WrongType { path: self.path.text(), expected: expected.to_owned(), got: quoted(got) }
    }

    fn number_error(&self, error: NumberError, expected: &str, bounds: String, got: &Value) -> EncodeError {
        match error {
            NumberError::Kind => self.wrong(expected, got),
            NumberError::Range => EncodeError::OutOfRange { path: self.path.text(), bounds, got: quoted(got) },
        }
    }
}
