//! What a call came to: a value, or the runtime's own error, which the node reports under the name
//! that the runtime gave it.

use serde_json::{Map, Value};

use super::{DecodeError, budget::Budget, decode::Decoder};
use crate::model::{Function, Metadata, Shape, TypeId, screaming};

/// The byte before the content of `Ok`.
const OK: u8 = 0;
/// The byte before the content of `Err`.
const ERR: u8 = 1;

/// The answer of a function.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// What it returned: the content of `Ok`, if it returns a `Result`.
    Value(Value),
    /// The content of `Err`.
    Failure(RuntimeFailure),
}

/// An error that a runtime answered with.
#[derive(Clone, PartialEq, Debug)]
pub struct RuntimeFailure {
    /// The variant's name as the runtime declares it: `ContextOverflow`. The type's name, if it is no enum.
    pub variant: String,
    /// That name as a wire code: `CONTEXT_OVERFLOW`.
    pub code: String,
    /// For people: the variant's field `message`, after its field `field` if there is one, else its doc
    /// comment and its fields.
    pub message: String,
    /// The variant's fields as JSON; null if there are none.
    pub data: Value,
}

impl Metadata {
    /// The answer of `function`, one of this metadata's, from its SCALE encoding.
    ///
    /// # Errors
    /// [`DecodeError`]: the bytes are no value of the declared type, or more than one.
    pub fn decode_return(&self, function: &Function, bytes: &[u8]) -> Result<Outcome, DecodeError> {
        let mut decoder = Decoder::new(self.types(), bytes, Budget::of_answer());
        let outcome = match function.fails_with {
            None => Outcome::Value(decoder.value(function.output)?),
            Some(error) => match decoder.byte(function.output)? {
                OK => Outcome::Value(decoder.value(function.returns)?),
                ERR => Outcome::Failure(self.failure(&mut decoder, error)?),
                _ => {
                    let type_name = self.types()[function.output].name.clone();
                    return Err(DecodeError::Invalid { offset: 0, type_name });
                }
            },
        };
        decoder.finish()?;
        Ok(outcome)
    }

    /// Whether an answer of `function` is an error of its own: `Err`, which its first byte says. The rest is not looked at.
    pub fn returns_failure(&self, function: &Function, bytes: &[u8]) -> bool {
        function.fails_with.is_some() && bytes.first() == Some(&ERR)
    }

    /// One item that `function` emitted, from its SCALE encoding. `None` if it declares no items.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_item(&self, function: &Function, bytes: &[u8]) -> Result<Option<Value>, DecodeError> {
        function.stream.map(|item| self.decode_with(item, bytes, Budget::of_item())).transpose()
    }

    /// The arguments of a call as an object by name, from their SCALE encoding. Also the way to check
    /// arguments that a client sent as SCALE before a sandbox sees them.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_arguments(&self, function: &Function, bytes: &[u8]) -> Result<Value, DecodeError> {
        let mut decoder = Decoder::new(self.types(), bytes, Budget::of_answer());
        let mut named = Map::new();
        for parameter in &function.parameters {
            decoder.budget.key(&parameter.name)?;
            named.insert(parameter.name.clone(), decoder.value(parameter.ty)?);
        }
        decoder.finish()?;
        Ok(Value::Object(named))
    }

    /// A value of any of this metadata's types, from its SCALE encoding.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_value(&self, ty: TypeId, bytes: &[u8]) -> Result<Value, DecodeError> {
        self.decode_with(ty, bytes, Budget::of_answer())
    }

    fn decode_with(&self, ty: TypeId, bytes: &[u8], budget: Budget) -> Result<Value, DecodeError> {
        let mut decoder = Decoder::new(self.types(), bytes, budget);
        let value = decoder.value(ty)?;
        decoder.finish()?;
        Ok(value)
    }

    fn failure(&self, decoder: &mut Decoder<'_>, error: TypeId) -> Result<RuntimeFailure, DecodeError> {
        let entry = self.types().peeled(error);
        let (variant, data, docs) = match &entry.shape {
            Shape::Enum(variants) => {
                let variant = decoder.variant(error, variants)?;
                (variant.name.clone(), decoder.shape(error, &variant.fields)?, variant.docs.as_str())
            }
            _ => (entry.name.clone(), decoder.value(error)?, entry.docs.as_str()),
        };
        let message = message(&variant, docs, &data);
        Ok(RuntimeFailure { code: screaming(&variant), variant, message, data })
    }
}

/// What a variant says for itself: its text fields `field` and `message`, its only text, or else its
/// doc comment and its fields: `Prompt and answer do not fit (prompt_tokens 900, context_length 512)`.
fn message(variant: &str, docs: &str, data: &Value) -> String {
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    match (text("field"), text("message").or(data.as_str())) {
        (Some(field), Some(said)) => return format!("{field}: {said}"),
        (None, Some(said)) => return said.to_owned(),
        (_, None) => {}
    }
    let about = docs.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let about = match about.trim_end_matches('.') {
        "" => variant,
        about => about,
    };
    match data {
        Value::Object(fields) if !fields.is_empty() => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{about} ({})", fields.join(", "))
        }
        Value::Null | Value::Object(_) => about.to_owned(),
        value => format!("{about} ({value})"),
    }
}
