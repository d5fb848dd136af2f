//! A cursor over a JSON document that knows its path, so that every error can name it, and that
//! refuses fields which nobody took.

use crate::{SpecError, SpecProblem};
use serde_json::{Map, Value};

/// Most bytes of a name.
const NAME_BYTES_MAX: usize = 64;

/// A value and where it stands.
pub struct Field<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Field<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self { value, path: "$".to_owned() }
    }

    pub fn fail(&self, problem: SpecProblem) -> SpecError {
        SpecError::Field { path: self.path.clone(), problem }
    }

    fn wrong_type(&self, expected: &'static str) -> SpecError {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.fail(SpecProblem::Type { expected, found })
    }

    pub fn text(&self) -> Result<&'a str, SpecError> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    /// A name that may stand in logs, metrics and paths.
    pub fn name(&self) -> Result<String, SpecError> {
        let text = self.text()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(plain) {
            return Err(self.fail(SpecProblem::Name));
        }
        Ok(text.to_owned())
    }

    pub fn integer(&self, min: u64, max: u64) -> Result<u64, SpecError> {
        let value = self.value.as_u64().ok_or_else(|| self.wrong_type("an integer from 0 up"))?;
        if value < min || value > max {
            return Err(self.fail(SpecProblem::Range { min, max }));
        }
        Ok(value)
    }

    pub fn integer32(&self, min: u32, max: u32) -> Result<u32, SpecError> {
        // The bounds are u32, so the value is one.
        self.integer(min.into(), max.into()).map(|value| value as u32)
    }

    pub fn hex(&self) -> Result<Vec<u8>, SpecError> {
        self.text()?
            .strip_prefix("0x")
            .and_then(|digits| hex::decode(digits).ok())
            .ok_or_else(|| self.fail(SpecProblem::Hex))
    }

    pub fn array(&self) -> Result<impl Iterator<Item = Field<'a>> + use<'a>, SpecError> {
        let values = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        let path = self.path.clone();
        Ok(values.iter().enumerate().map(move |(index, value)| Field { value, path: format!("{path}[{index}]") }))
    }

    pub fn map(&self) -> Result<Map<String, Value>, SpecError> {
        self.value.as_object().cloned().ok_or_else(|| self.wrong_type("an object"))
    }

    /// The fields of an object. `known` are all that anybody will take.
    pub fn object(&self, known: &[&'static str]) -> Result<Object<'a>, SpecError> {
        let fields = self.value.as_object().ok_or_else(|| self.wrong_type("an object"))?;
        let object = Object { fields, path: self.path.clone() };
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(object),
            Some(name) => Err(SpecError::Field {
                path: object.path_of(name),
                problem: SpecProblem::Unknown { known: known.to_vec() },
            }),
        }
    }
}

/// An object whose fields are all known.
pub struct Object<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    fn path_of(&self, name: &str) -> String {
        if self.path == "$" { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A field that must be there.
    pub fn field(&self, name: &'static str) -> Result<Field<'a>, SpecError> {
        self.optional(name).ok_or_else(|| SpecError::Field { path: self.path_of(name), problem: SpecProblem::Missing })
    }

    /// A field that may be absent or null.
    pub fn optional(&self, name: &'static str) -> Option<Field<'a>> {
        let value = self.fields.get(name).filter(|value| !value.is_null())?;
        Some(Field { value, path: self.path_of(name) })
    }

    /// What `read` makes of a field, or `default` where there is none.
    pub fn or<T>(
        &self,
        name: &'static str,
        default: T,
        read: impl FnOnce(Field<'a>) -> Result<T, SpecError>,
    ) -> Result<T, SpecError> {
        self.optional(name).map_or(Ok(default), read)
    }
}
