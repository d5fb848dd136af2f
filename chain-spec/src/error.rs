//! What can be wrong with a chain specification, and where.

use std::{fmt, io, path::PathBuf};

/// Why a chain specification was refused.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("cannot read the chain specification {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The text is not JSON.
    #[error("the chain specification is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// A field is wrong.
    #[error("the chain specification is wrong at {path}: {problem}")]
    Field {
        /// JSON path, for example `tenants[1].limits.max_tokens`; `$` is the whole document.
        path: String,
        /// What is wrong there.
        problem: SpecProblem,
    },
}

/// What is wrong with a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpecProblem {
    /// It must be there.
    Missing,
    /// Nothing reads a field of this name.
    Unknown {
        /// The fields that are read here.
        known: Vec<&'static str>,
    },
    /// It has another type.
    Type {
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The number or length is not between the bounds.
    Range {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// A name has other characters than letters, digits, `_`, `-` and `.`, or not 1 to 64 of them.
    Name,
    /// Not `0x` and hex digits, two per byte (and 64 of them for a hash).
    Hex,
    /// Two entries have this name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// It names an entry that is not there.
    Dangling {
        /// The name.
        name: String,
    },
    /// There must be at least one entry.
    Empty,
}

impl fmt::Display for SpecProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecProblem::Missing => f.write_str("the field is missing"),
            SpecProblem::Unknown { known } => write!(f, "there is no such field; known are {}", known.join(", ")),
            SpecProblem::Type { expected, found } => write!(f, "expected {expected}, found {found}"),
            SpecProblem::Range { min, max } => write!(f, "must be from {min} to {max}"),
            SpecProblem::Name => f.write_str("a name has 1 to 64 letters, digits, `_`, `-` or `.`"),
            SpecProblem::Hex => f.write_str("expected `0x` and hex digits, two per byte"),
            SpecProblem::Duplicate { name } => write!(f, "the name {name} is taken twice"),
            SpecProblem::Dangling { name } => write!(f, "there is no model {name}"),
            SpecProblem::Empty => f.write_str("at least one entry is needed"),
        }
    }
}
