//! Why a value does not pass. Errors about JSON carry the path of the value, as the client wrote it.

use super::DEPTH_MAX;

/// Why JSON is not a value of the type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Another kind of value belongs here.
    #[error("{path}: expected {expected}, got {got}")]
    WrongType {
        /// Where: `options.stop[2]`.
        path: String,
        /// What belongs here: `string`.
        expected: String,
        /// What stands here: `number 5`.
        got: String,
    },
    /// The right kind of value, outside what its type holds.
    #[error("{path}: must be {bounds}, got {got}")]
    OutOfRange {
        /// Where.
        path: String,
        /// What fits: `from 0 to 255`.
        bounds: String,
        /// What stands here.
        got: String,
    },
    /// A value that may not be left out.
    #[error("{path}: missing; expected {expected}")]
    Missing {
        /// Where.
        path: String,
        /// What belongs here.
        expected: String,
    },
    /// A field that nothing takes.
    #[error("{path}: nothing takes this{}", hint(.nearest))]
    UnknownField {
        /// Where.
        path: String,
        /// A known field that looks like it.
        nearest: Option<String>,
    },
    /// A name that is none of the enum's variants.
    #[error("{path}: `{got}` is none of {}{}", .known.join(", "), hint(.nearest))]
    UnknownVariant {
        /// Where.
        path: String,
        /// The name.
        got: String,
        /// The first of the variants' names.
        known: Vec<String>,
        /// A variant that looks like it.
        nearest: Option<String>,
    },
    /// An option that stands both in `options` and beside it.
    #[error("{path}: given twice, in `options` and beside it")]
    GivenTwice {
        /// The field.
        path: String,
    },
    /// More positional parameters than the function has.
    #[error("params: {given} given by position, and the function takes {taken}")]
    TooManyParameters {
        /// How many were given.
        given: usize,
        /// How many there are.
        taken: usize,
    },
    /// Values nested too deep.
    #[error("{path}: nested deeper than {DEPTH_MAX}")]
    TooDeep {
        /// Where.
        path: String,
    },
    /// A type that is larger than its JSON lets on: absent fields of absent fields without end.
    #[error("{path}: the type has more than {absent_max} absent fields to fill in")]
    TooManyAbsent {
        /// Where.
        path: String,
        /// The limit.
        absent_max: usize,
    },
    /// A type that JSON is not made of.
    #[error("{path}: the type `{type_name}` has no JSON; pass SCALE instead")]
    Unsupported {
        /// Where.
        path: String,
        /// The type.
        type_name: String,
    },
}

impl EncodeError {
    /// The path of the value at fault: `options.stop[2]`; `params` for the parameters as a whole.
    pub fn path(&self) -> &str {
        match self {
            EncodeError::WrongType { path, .. }
            | EncodeError::OutOfRange { path, .. }
            | EncodeError::Missing { path, .. }
            | EncodeError::UnknownField { path, .. }
            | EncodeError::UnknownVariant { path, .. }
            | EncodeError::GivenTwice { path }
            | EncodeError::TooDeep { path }
            | EncodeError::TooManyAbsent { path, .. }
            | EncodeError::Unsupported { path, .. } => path,
            EncodeError::TooManyParameters { .. } => "params",
        }
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

/// Why bytes are not a value of the type.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside a value.
    #[error("the bytes end at {offset}, inside a value of type `{type_name}`")]
    Truncated {
        /// How many bytes there are.
        offset: usize,
        /// The type whose value is cut.
        type_name: String,
    },
    /// Bytes that no value of the type has.
    #[error("byte {offset} begins no value of type `{type_name}`")]
    Invalid {
        /// Where.
        offset: usize,
        /// The type.
        type_name: String,
    },
    /// Bytes after the value.
    #[error("{count} bytes are left over after the value")]
    LeftOver {
        /// How many.
        count: usize,
    },
    /// Values nested too deep.
    #[error("the value is nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// More values than bytes could mean: values without bytes in great number.
    #[error("the bytes claim more than {values_max} values")]
    TooManyValues {
        /// The limit for bytes of this length.
        values_max: usize,
    },
    /// The value's JSON would be longer than may be written.
    #[error(
        "the value's JSON has more than {bytes_max} bytes, which is the most that is written; ask for SCALE instead"
    )]
    JsonTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The value is of so many parts that they take more memory than may be used.
    #[error(
        "the value's JSON takes more than {bytes_max} bytes of memory, which is the most that is used; ask for SCALE \
         instead"
    )]
    TreeTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A type that JSON is not made of.
    #[error("the type `{type_name}` has no JSON; ask for SCALE instead")]
    Unsupported {
        /// The type.
        type_name: String,
    },
}
