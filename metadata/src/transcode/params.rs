//! The parameters of a call: by name, by position, or none; with `options` given whole or flat.
//!
//! `{"prompt": "Hi", "max_tokens": 5}` means `{"prompt": "Hi", "options": {"max_tokens": 5}}` for a
//! function with a parameter `options` that is a struct with such a field. A parameter's own name
//! goes before a field's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{EncodeError, encode::Encoder, path::quoted};
use crate::model::{Field, Function, Metadata, Parameter, Shape, TypeId};

/// The parameter whose fields may stand beside the others.
const FLAT_PARAMETER: &str = "options";

impl Metadata {
    /// The SCALE encoding of a call's arguments. `function` is one of this metadata's; `params` is an
    /// object by name, an array by position, or null for none.
    ///
    /// # Errors
    /// [`EncodeError`], which names the path of what is wrong.
    pub fn encode_arguments(&self, function: &Function, params: &Value) -> Result<Vec<u8>, EncodeError> {
        match params {
            Value::Null => self.by_name(function, &Map::new()),
            Value::Object(named) => self.by_name(function, named),
            Value::Array(values) => self.by_position(function, values),
            other => Err(EncodeError::WrongType {
                path: "params".to_owned(),
                expected: "object or array".to_owned(),
                got: quoted(other),
            }),
        }
    }

    fn by_position(&self, function: &Function, values: &[Value]) -> Result<Vec<u8>, EncodeError> {
        let taken = function.parameters.len();
        if values.len() > taken {
            return Err(EncodeError::TooManyParameters { given: values.len(), taken });
        }
        let mut encoder = Encoder::new(self.types());
        for (index, Parameter { name, ty, .. }) in function.parameters.iter().enumerate() {
            match values.get(index) {
                Some(json) => encoder.field(name, *ty, json)?,
                None => encoder.absent_field(name, *ty)?,
            }
        }
        Ok(encoder.finish())
    }

    fn by_name(&self, function: &Function, named: &Map<String, Value>) -> Result<Vec<u8>, EncodeError> {
        // Sets, so that many keys and many parameters do not make their product.
        let parameters: BTreeSet<&str> = function.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let is_parameter = |key: &str| parameters.contains(key);
        let options = self.options(function);
        let option_names: BTreeSet<&str> =
            options.iter().flat_map(|options| options.fields).map(|field| field.name.as_str()).collect();
        let is_option = |key: &str| option_names.contains(key);

        let mut encoder = Encoder::new(self.types());
        if let Some(unknown) = named.keys().find(|key| !is_parameter(key) && !is_option(key)) {
            let parameters = function.parameters.iter().map(|parameter| parameter.name.as_str());
            let fields = options.iter().flat_map(|options| options.fields).map(|field| field.name.as_str());
            return Err(encoder.unknown(unknown, parameters.chain(fields)));
        }
        let flat = named.keys().any(|key| !is_parameter(key));

        for Parameter { name, ty, .. } in &function.parameters {
            match (named.get(name), options) {
                (own, Some(options)) if flat && name == FLAT_PARAMETER => {
                    let own = match own {
                        None | Some(Value::Null) => None,
                        Some(Value::Object(own)) => Some(own),
                        Some(other) => return encoder.field(name, options.ty, other).map(|()| encoder.finish()),
                    };
                    if options.inside_option {
                        encoder.some();
                    }
                    encoder.merged_fields(name, options.fields, own, named, is_parameter)?;
                }
                (Some(json), _) => encoder.field(name, *ty, json)?,
                (None, _) => encoder.absent_field(name, *ty)?,
            }
        }
        Ok(encoder.finish())
    }

    /// The parameter `options`, if the function has one and it is a struct, or an optional one.
    fn options(&self, function: &Function) -> Option<Options<'_>> {
        let parameter = function.parameters.iter().find(|parameter| parameter.name == FLAT_PARAMETER)?;
        let types = self.types();
        match &types.peeled(parameter.ty).shape {
            Shape::Struct(fields) => Some(Options { ty: parameter.ty, fields, inside_option: false }),
            Shape::Option(inner) => match &types.peeled(*inner).shape {
                Shape::Struct(fields) => Some(Options { ty: parameter.ty, fields, inside_option: true }),
                _ => None,
            },
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
struct Options<'a> {
    ty: TypeId,
    fields: &'a [Field],
    inside_option: bool,
}
