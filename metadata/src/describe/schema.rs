//! JSON schemas (draft 7) of a runtime's types.
//!
//! Structs, enums, tuples and maps are components that others refer to, so that the document stays
//! as small as the registry however its types nest; the rest is written where it stands.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::model::{Field, IntegerWidth, Shape, TypeId, Types, Variant};

/// Inline types inside inline types, at most: vectors of vectors of themselves end here.
const INLINE_DEPTH_MAX: usize = 32;

/// The schemas of some types, each component under its own key.
pub(super) struct Schemas<'a> {
    types: &'a Types,
    keys: BTreeMap<TypeId, String>,
}

impl<'a> Schemas<'a> {
    /// Names the components that values of `roots` can hold.
    pub(super) fn new(types: &'a Types, roots: impl IntoIterator<Item = TypeId>) -> Self {
        let mut keys = BTreeMap::new();
        let mut used = BTreeSet::new();
        for ty in types.reachable(roots) {
            if !is_component(&types[ty].shape) {
                continue;
            }
            let mut key = component_key(&types[ty].name);
            if key.is_empty() || used.contains(&key) {
                key = format!("{key}_{}", ty.number());
            }
            used.insert(key.clone());
            keys.insert(ty, key);
        }
        Self { types, keys }
    }

    /// The schema of a type: a reference if it is a component.
    pub(super) fn schema(&self, ty: TypeId) -> Value {
        self.inline(ty, INLINE_DEPTH_MAX)
    }

    /// All components by key.
    pub(super) fn components(&self) -> Map<String, Value> {
        self.keys
            .iter()
            .map(|(ty, key)| {
                let entry = &self.types[*ty];
                let mut schema = self.shape(&entry.shape, INLINE_DEPTH_MAX);
                if let Some(schema) = schema.as_object_mut() {
                    schema.insert("title".to_owned(), entry.name.clone().into());
                    if !entry.docs.is_empty() {
                        schema.insert("description".to_owned(), entry.docs.clone().into());
                    }
                }
                (key.clone(), schema)
            })
            .collect()
    }

    fn inline(&self, ty: TypeId, depth_left: usize) -> Value {
        match self.keys.get(&ty) {
            Some(key) => json!({"$ref": format!("#/components/schemas/{key}")}),
            // The empty schema: anything.
            None if depth_left == 0 => json!({}),
            None => self.shape(&self.types[ty].shape, depth_left - 1),
        }
    }

    fn shape(&self, shape: &Shape, depth_left: usize) -> Value {
        let inline = |ty: TypeId| self.inline(ty, depth_left);
        match shape {
            Shape::Unit => json!({"type": "null"}),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
            Shape::Text => json!({"type": "string"}),
            Shape::Unsigned(width) | Shape::Compact(width) => unsigned(*width),
            Shape::Signed(width) => signed(*width),
            Shape::Float => json!({"type": ["number", "null"]}),
            Shape::Milli => json!({"type": "number", "minimum": 0}),
            Shape::SignedMilli => json!({"type": "number"}),
            Shape::Nano => {
                json!({"oneOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$"}]})
            }
            Shape::Bytes => json!({"type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$"}),
            Shape::ByteArray(len) => {
                json!({"type": "string", "pattern": format!("^0x[0-9a-fA-F]{{{}}}$", u64::from(*len) * 2)})
            }
            Shape::Sequence(item) => json!({"type": "array", "items": inline(*item)}),
            Shape::Array(item, len) => {
                json!({"type": "array", "items": inline(*item), "minItems": len, "maxItems": len})
            }
            Shape::Tuple(items) => json!({
                "type": "array",
                "items": items.iter().map(|item| inline(*item)).collect::<Vec<_>>(),
                "minItems": items.len(),
                "maxItems": items.len(),
            }),
            Shape::Newtype(inner) => inline(*inner),
            Shape::Struct(fields) => self.fields(fields, depth_left),
            Shape::Option(inner) => match self.types[*inner].nullable {
                true => json!({"oneOf": [only_key("some", inline(*inner)), {"type": "null"}]}),
                false => json!({"oneOf": [inline(*inner), {"type": "null"}]}),
            },
            Shape::Enum(variants) if variants.is_empty() => json!({"not": {}}),
            Shape::Enum(variants) => match variants.iter().all(|variant| variant.fields == Shape::Unit) {
                true => json!({"enum": variants.iter().map(|variant| variant.json_name.as_str()).collect::<Vec<_>>()}),
                false => {
                    json!({"oneOf": variants.iter().map(|variant| self.variant(variant, depth_left)).collect::<Vec<_>>()})
                }
            },
            Shape::Map(key, value) => match self.types.peeled(*key).shape == Shape::Text {
                true => json!({"type": "object", "additionalProperties": inline(*value)}),
                false => json!({"type": "array", "items": {
                    "type": "array", "items": [inline(*key), inline(*value)], "minItems": 2, "maxItems": 2,
                }}),
            },
            Shape::Unsupported => json!({}),
        }
    }

    fn fields(&self, fields: &[Field], depth_left: usize) -> Value {
        let mut properties = Map::new();
        for field in fields {
            let mut schema = self.inline(field.ty, depth_left);
            // Draft 7 readers ignore what stands beside a reference.
            if let Some(schema) = schema.as_object_mut().filter(|_| !field.docs.is_empty()) {
                schema.insert("description".to_owned(), field.docs.clone().into());
            }
            properties.insert(field.name.clone(), schema);
        }
        let required: Vec<&str> =
            fields.iter().filter(|field| !self.types[field.ty].optional).map(|field| field.name.as_str()).collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    }

    fn variant(&self, variant: &Variant, depth_left: usize) -> Value {
        let mut schema = match &variant.fields {
            Shape::Unit => json!({"const": variant.json_name}),
            fields => only_key(&variant.json_name, self.shape(fields, depth_left)),
        };
        if let Some(schema) = schema.as_object_mut().filter(|_| !variant.docs.is_empty()) {
            schema.insert("description".to_owned(), variant.docs.clone().into());
        }
        schema
    }
}

fn is_component(shape: &Shape) -> bool {
    matches!(shape, Shape::Struct(_) | Shape::Enum(_) | Shape::Tuple(_) | Shape::Map(..))
}

/// A component's key holds letters, digits, dots, dashes and underscores.
fn component_key(name: &str) -> String {
    let replaced: String = name
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() || ".-_".contains(char) { char } else { '_' })
        .collect();
    replaced.trim_matches('_').to_owned()
}

fn only_key(key: &str, schema: Value) -> Value {
    json!({"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": false})
}

fn unsigned(width: IntegerWidth) -> Value {
    match width {
        IntegerWidth::W64 | IntegerWidth::W128 => {
            json!({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+$"}]})
        }
        width => json!({"type": "integer", "minimum": 0, "maximum": (1u64 << width.bits()) - 1}),
    }
}

fn signed(width: IntegerWidth) -> Value {
    match width {
        IntegerWidth::W64 | IntegerWidth::W128 => {
            json!({"oneOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]})
        }
        width => {
            let max = (1i64 << (width.bits() - 1)) - 1;
            json!({"type": "integer", "minimum": -max - 1, "maximum": max})
        }
    }
}
