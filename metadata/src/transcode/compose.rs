//! JSON to SCALE, for the types that are made of others: fields, items, options, variants, maps.

use std::collections::BTreeSet;

use parity_scale_codec::{Compact, Encode};
use serde_json::{Map, Value};

use super::{
    DEPTH_MAX, EncodeError,
    encode::{ABSENT_MAX, Encoder},
    path::cut,
};
use crate::model::{Field, Shape, TypeId, Variants, nearest};

/// Variants that an error lists.
const LISTED_VARIANTS_MAX: usize = 12;
/// The key that says `Some` where null could also be the value itself.
pub(super) const SOME_KEY: &str = "some";

impl Encoder<'_> {
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

    /// Writes a struct with named fields.
    pub(super) fn structure(&mut self, ty: TypeId, fields: &[Field], json: &Value) -> Result<(), EncodeError> {
        let object = match json {
            Value::Object(object) => object,
            Value::Null if self.types[ty].optional => return self.absent(ty),
            _ => return Err(self.wrong("object", json)),
        };
        self.members(fields, object)
    }

    fn members(&mut self, fields: &[Field], object: &Map<String, Value>) -> Result<(), EncodeError> {
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
        // Fields are looked up in the object, so that the work is that of its size and not of its square.
        if fields.iter().filter(|field| object.contains_key(&field.name)).count() == object.len() {
            return Ok(());
        }
        let known: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        match object.keys().find(|key| !known.contains(key.as_str())) {
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

    /// Writes what a value that was left out stands for, if it may be.
    pub(super) fn absent(&mut self, ty: TypeId) -> Result<(), EncodeError> {
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

    /// Writes an `Option`.
    pub(super) fn option(&mut self, inner: TypeId, json: &Value) -> Result<(), EncodeError> {
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

    /// Writes a variant of an enum.
    pub(super) fn variant(&mut self, ty: TypeId, variants: &Variants, json: &Value) -> Result<(), EncodeError> {
        let (name, fields) = match json {
            Value::String(name) => (name, None),
            Value::Object(object) if object.len() == 1 => match object.iter().next() {
                Some((name, fields)) => (name, Some(fields)),
                None => return Err(self.wrong("a variant", json)),
            },
            _ => {
                let expected =
                    format!("{}: a variant's name, or an object with it as the only key", self.types[ty].name);
                return Err(self.wrong(&expected, json));
            }
        };
        let Some(variant) = variants.named(name) else {
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
            (Shape::Struct(fields), None) => self.members(fields, &Map::new())?,
            (Shape::Newtype(inner), None) => self.absent(*inner)?,
            (Shape::Struct(fields), Some(Value::Object(object))) => self.members(fields, object)?,
            (Shape::Struct(_), Some(json)) => return Err(self.wrong("object", json)),
            (shape, Some(json)) => self.shape(ty, shape, json)?,
            (_, None) => {
                return Err(EncodeError::Missing {
                    path: self.path.text(),
                    expected: "its fields as array".to_owned(),
                });
            }
        }
        self.path.pop(parent);
        Ok(())
    }

    /// Writes a map, in order of its keys.
    pub(super) fn map(&mut self, key: TypeId, value: TypeId, json: &Value) -> Result<(), EncodeError> {
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

    /// Writes items one after another, without their number.
    pub(super) fn items<'v>(&mut self, items: impl Iterator<Item = (TypeId, &'v Value)>) -> Result<(), EncodeError> {
        for (index, (ty, json)) in items.enumerate() {
            let parent = self.path.push_index(index);
            self.value(ty, json)?;
            self.path.pop(parent);
        }
        Ok(())
    }

    /// The items of an array that must have `len` of them.
    pub(super) fn array_of<'v>(&self, json: &'v Value, len: usize) -> Result<&'v [Value], EncodeError> {
        match json {
            Value::Array(values) if values.len() == len => Ok(values),
            _ => Err(self.wrong(&format!("array of {len}"), json)),
        }
    }

    /// Writes the number of items that follow.
    pub(super) fn len(&mut self, len: usize, json: &Value) -> Result<(), EncodeError> {
        let len = u32::try_from(len).map_err(|_| self.wrong("fewer than 2^32 items", json))?;
        Compact(len).encode_to(&mut self.output);
        Ok(())
    }
}
