//! One function of a runtime, as its metadata tells it.

use super::TypeId;

/// APIs whose functions have no bare names: they are the node's business, and a runtime's own
/// `version` should not be hidden by them.
const FULL_NAME_ONLY: [&str; 2] = ["Core", "Metadata"];

/// A function's full name, which is its export's: `RealmApi_generate`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FunctionName {
    full: String,
    api_len: usize,
}

impl FunctionName {
    pub(super) fn new(api: &str, method: &str) -> Self {
        Self { full: format!("{api}_{method}"), api_len: api.len() }
    }

    /// `RealmApi_generate`: what the blob exports and `state_call` takes.
    pub fn full(&self) -> &str {
        &self.full
    }

    /// `RealmApi`.
    pub fn api(&self) -> &str {
        self.full.get(..self.api_len).unwrap_or_default()
    }

    /// Whether the function can also be called by its bare name.
    pub(crate) fn has_bare_form(&self) -> bool {
        !FULL_NAME_ONLY.contains(&self.api())
    }

    /// `generate`.
    pub fn bare(&self) -> &str {
        self.full.get(self.api_len + 1..).unwrap_or_default()
    }
}

/// One function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// Its name.
    pub name: FunctionName,
    /// Its doc comment.
    pub docs: String,
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
    /// What it returns, `Result` and all.
    pub output: TypeId,
    /// What it returns when all goes well: the `Ok` type of a `Result`, else `output`.
    pub returns: TypeId,
    /// The `Err` type, if it returns a `Result`.
    pub fails_with: Option<TypeId>,
    /// The items that it emits before it returns, if it emits any.
    pub stream: Option<TypeId>,
}

/// One parameter of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// It may be left out.
    pub optional: bool,
}
