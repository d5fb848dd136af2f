//! JSON to SCALE.

use parity_scale_codec::{Compact, Encode};
use serde_json::{Map, Value};

use super::{
    DEPTH_MAX, EncodeError,
    number::{self, NumberError},
};
use crate::model::{Field, IntegerWidth, Shape, TypeId, Types, Variant, folded, nearest};

/// Absent values that one call fills in at most. More than any sane type has; it ends types such as
/// a struct of two structs of two structs of .. options.
const ABSENT_MAX: usize = 65_536;
/// Characters of a client's value that an error quotes.
const QUOTED_CHARS_MAX: usize = 40;
/// Variants that an error lists.
const LISTED_VARIANTS_MAX: usize = 12;
/// The key that says `Some` where null could also be the value itself.
pub(super) const SOME_KEY: &str = "some";

/// Writes values of one call, one after another.
pub(super) struct Encoder<'a> {
    types: &'a Types,
    output: Vec<u8>,
    path: Path,
    depth: usize,
    absent_left: usize,
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

    /// Writes the fields of a struct out of two objects: its own, and one that may hold other things
    /// too. `taken` says which fields the second cannot mean.
    pub(super) fn merged_fields(
        &mut self,
        name: &str,
        fields: &[Field],
        own: Option<&Map<String, Value>>,
        beside: &Map<String, Value>,
        taken: impl Fn(&str) -> bool,
    ) -> Result<(), EncodeError> {
        if let Some(own) = own {
            let parent = self.path.push_field(name);
            self.refuse_unknown(own, fields)?;
            self.path.pop(parent);
        }
        for field in fields {
            let beside = beside.get(&field.name).filter(|_| !taken(&field.name));
            match (own.and_then(|own| own.get(&field.name)), beside) {
                (Some(_), Some(_)) => return Err(EncodeError::GivenTwice { path: field.name.clone() }),
                (None, Some(json)) => self.field(&field.name, field.ty, json)?,
                (own, None) => {
                    let parent = self.path.push_field(name);
                    match own {
                        Some(json) => self.field(&field.name, field.ty, json)?,
                        None => self.absent_field(&field.name, field.ty)?,
                    }
                    self.path.pop(parent);
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, ty: TypeId, json: &Value) -> Result<(), EncodeError> {
        if self.depth >= DEPTH_MAX {
            return Err(EncodeError::TooDeep { path: self.path.text() });
        }
        self.depth += 1;
        let types = self.types;
        self.shape(ty, &types[ty].shape, json)?;
        self.depth -= 1;
        Ok(())
    }

    fn shape(&mut self, ty: TypeId, shape: &Shape, json: &Value) -> Result<(), EncodeError> {
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
                let value = number::signed(json, *width)
                    .map_err(|error| self.number_error(error, "integer", format!("from {} to {max}", -max - 1), json))?;
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

    fn structure(&mut self, ty: TypeId, fields: &[Field], json: &Value) -> Result<(), EncodeError> {
        let object = match json {
            Value::Object(object) => object,
            Value::Null if self.types[ty].optional => return self.absent(ty),
            _ => return Err(self.wrong("object", json)),
        };
        self.refuse_unknown(object, fields)?;
        for field in fields {
            match object.get(&field.name) {
                Some(json) => self.field(&field.name, field.ty, json)?,
                None => self.absent_field(&field.name, field.ty)?,
            }
        }
        Ok(())
    }

    fn refuse_unknown(&self, object: &Map<String, Value>, fields: &[Field]) -> Result<(), EncodeError> {
        match object.keys().find(|key| fields.iter().all(|field| field.name != **key)) {
            Some(key) => Err(self.unknown(key, fields.iter().map(|field| field.name.as_str()))),
            None => Ok(()),
        }
    }

    /// The error for a field that nothing takes.
    pub(super) fn unknown<'b>(&self, key: &str, known: impl Iterator<Item = &'b str>) -> EncodeError {
        let mut path = self.path.clone();
        path.push_field(&cut(key));
        EncodeError::UnknownField { path: path.text(), nearest: nearest(key, known).map(str::to_owned) }
    }

    fn absent(&mut self, ty: TypeId) -> Result<(), EncodeError> {
        self.absent_left = self
            .absent_left
            .checked_sub(1)
            .ok_or_else(|| EncodeError::TooManyAbsent { path: self.path.text(), absent_max: ABSENT_MAX })?;
        if self.depth >= DEPTH_MAX {
            return Err(EncodeError::TooDeep { path: self.path.text() });
        }
        self.depth += 1;
        let types = self.types;
        let entry = &types[ty];
        match &entry.shape {
            Shape::Unit => {}
            Shape::Option(_) => self.output.push(0),
            Shape::Newtype(inner) if entry.optional => self.absent(*inner)?,
            Shape::Struct(fields) if entry.optional => {
                for field in fields {
                    self.absent_field(&field.name, field.ty)?;
                }
            }
            _ => return Err(EncodeError::Missing { path: self.path.text(), expected: entry.name.clone() }),
        }
        self.depth -= 1;
        Ok(())
    }

    fn option(&mut self, inner: TypeId, json: &Value) -> Result<(), EncodeError> {
        if json.is_null() {
            self.output.push(0);
            return Ok(());
        }
        self.output.push(1);
        if !self.types[inner].nullable {
            return self.value(inner, json);
        }
        match json.as_object().and_then(|object| Some((object.get(SOME_KEY)?, object.len()))) {
            Some((value, 1)) => self.field(SOME_KEY, inner, value),
            _ => Err(self.wrong("null or {\"some\": ..}", json)),
        }
    }

    fn variant(&mut self, ty: TypeId, variants: &[Variant], json: &Value) -> Result<(), EncodeError> {
        let (name, fields) = match json {
            Value::String(name) => (name, None),
            Value::Object(object) if object.len() == 1 => match object.iter().next() {
                Some((name, fields)) => (name, Some(fields)),
                None => return Err(self.wrong("a variant", json)),
            },
            _ => {
                let expected = format!("{}: a variant's name, or an object with it as the only key", self.types[ty].name);
                return Err(self.wrong(&expected, json));
            }
        };
        let Some(variant) = find(variants, name) else {
            let known = variants.iter().map(|variant| variant.json_name.as_str());
            return Err(EncodeError::UnknownVariant {
                path: self.path.text(),
                got: cut(name),
                known: known.clone().take(LISTED_VARIANTS_MAX).map(str::to_owned).collect(),
                nearest: nearest(name, known).map(str::to_owned),
            });
        };
        self.output.push(variant.index);
        let parent = self.path.push_field(&variant.json_name);
        match (&variant.fields, fields) {
            (Shape::Unit, None) => {}
            (Shape::Struct(fields), None) => {
                for field in fields {
                    self.absent_field(&field.name, field.ty)?;
                }
            }
            (Shape::Newtype(inner), None) => self.absent(*inner)?,
            (Shape::Struct(fields), Some(json)) => match json {
                Value::Object(object) => {
                    self.refuse_unknown(object, fields)?;
                    for field in fields {
                        match object.get(&field.name) {
                            Some(json) => self.field(&field.name, field.ty, json)?,
                            None => self.absent_field(&field.name, field.ty)?,
                        }
                    }
                }
                _ => return Err(self.wrong("object", json)),
            },
            (shape, Some(json)) => self.shape(ty, shape, json)?,
            (_, None) => {
                return Err(EncodeError::Missing { path: self.path.text(), expected: "its fields as array".to_owned() });
            }
        }
        self.path.pop(parent);
        Ok(())
    }

    fn map(&mut self, key: TypeId, value: TypeId, json: &Value) -> Result<(), EncodeError> {
        if self.types.peeled(key).shape == Shape::Text {
            let object = json.as_object().ok_or_else(|| self.wrong("object", json))?;
            self.len(object.len(), json)?;
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(name, _)| name.as_bytes());
            for (name, json) in entries {
                name.encode_to(&mut self.output);
                self.field(&cut(name), value, json)?;
            }
            return Ok(());
        }
        let pairs = json.as_array().ok_or_else(|| self.wrong("array of pairs", json))?;
        self.len(pairs.len(), json)?;
        for (index, pair) in pairs.iter().enumerate() {
            let parent = self.path.push_index(index);
            let items = self.array_of(pair, 2)?;
            self.items([key, value].into_iter().zip(items))?;
            self.path.pop(parent);
        }
        Ok(())
    }

    fn items<'v>(&mut self, items: impl Iterator<Item = (TypeId, &'v Value)>) -> Result<(), EncodeError> {
        for (index, (ty, json)) in items.enumerate() {
            let parent = self.path.push_index(index);
            self.value(ty, json)?;
            self.path.pop(parent);
        }
        Ok(())
    }

    fn array_of<'v>(&self, json: &'v Value, len: usize) -> Result<&'v [Value], EncodeError> {
        match json {
            Value::Array(values) if values.len() == len => Ok(values),
            _ => Err(self.wrong(&format!("array of {len}"), json)),
        }
    }

    fn len(&mut self, len: usize, json: &Value) -> Result<(), EncodeError> {
        let len = u32::try_from(len).map_err(|_| self.wrong("fewer than 2^32 items", json))?;
        Compact(len).encode_to(&mut self.output);
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
        let in_range = value.and_then(|value| if (min..=max).contains(&value) { Ok(value) } else { Err(NumberError::Range) });
        in_range.map_err(|error| {
            let negative = json.as_f64().is_some_and(|value| value < 0.0);
            let bounds = match min == 0 && negative {
                true => ">= 0".to_owned(),
                false => format!("from {} to {}", number::unscaled_text(min, digits), number::unscaled_text(max, digits)),
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

    fn wrong(&self, expected: &str, got: &Value) -> EncodeError {
        EncodeError::WrongType { path: self.path.text(), expected: expected.to_owned(), got: quoted(got) }
    }

    fn number_error(&self, error: NumberError, expected: &str, bounds: String, got: &Value) -> EncodeError {
        match error {
            NumberError::Kind => self.wrong(expected, got),
            NumberError::Range => EncodeError::OutOfRange { path: self.path.text(), bounds, got: quoted(got) },
        }
    }
}

/// The variant of this name, in any case.
fn find<'a>(variants: &'a [Variant], name: &str) -> Option<&'a Variant> {
    let exact = variants.iter().find(|variant| variant.name == name || variant.json_name == name);
    exact.or_else(|| {
        let folded_name = folded(name);
        let mut alike = variants.iter().filter(|variant| folded(&variant.name) == folded_name);
        alike.next().filter(|_| alike.next().is_none())
    })
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

fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Where in the parameters the encoder is: `options.stop[2]`.
#[derive(Clone, Default)]
struct Path(String);

impl Path {
    /// Appends a field; gives what `pop` takes to remove it again.
    fn push_field(&mut self, name: &str) -> usize {
        let parent = self.0.len();
        if parent > 0 {
            self.0.push('.');
        }
        self.0.push_str(name);
        parent
    }

    fn push_index(&mut self, index: usize) -> usize {
        let parent = self.0.len();
        self.0.push_str(&format!("[{index}]"));
        parent
    }

    fn pop(&mut self, parent: usize) {
        self.0.truncate(parent);
    }

    fn text(&self) -> String {
        if self.0.is_empty() { "params".to_owned() } else { self.0.clone() }
    }
}
