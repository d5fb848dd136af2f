//! `hf:OWNER/NAME[:FILE]`: a model on a hub.

use super::error::HubError;
use std::fmt;
use std::str::FromStr;

/// What a reference to a hub begins with.
pub const SCHEME: &str = "hf:";

/// A repository of models, and a file in it if one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRef {
    /// `OWNER/NAME`.
    pub repository: String,
    /// Path inside the repository.
    pub file: Option<String>,
}

impl FromStr for HubRef {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let invalid = || HubError::InvalidReference { text: text.to_owned() };
        let rest = text.strip_prefix(SCHEME).ok_or_else(invalid)?;
        let (repository, file) =
            rest.split_once(':').map_or((rest, None), |(repository, file)| (repository, Some(file)));
        let (owner, name) = repository.split_once('/').ok_or_else(invalid)?;
        // These become parts of URLs and of paths in the cache.
        if !is_path_part(owner) || !is_path_part(name) || !file.is_none_or(is_relative_path) {
            return Err(invalid());
        }
        Ok(Self { repository: repository.to_owned(), file: file.map(str::to_owned) })
    }
}

impl fmt::Display for HubRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.repository)?;
        self.file.iter().try_for_each(|file| write!(f, ":{file}"))
    }
}

/// A name of letters, digits, `-`, `_` and `.` that is not a way up the tree.
pub(super) fn is_path_part(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(plain) && !text.chars().all(|c| c == '.')
}

/// A path of such names.
pub(super) fn is_relative_path(text: &str) -> bool {
    text.split('/').all(is_path_part)
}
