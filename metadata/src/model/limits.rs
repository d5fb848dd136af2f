//! Limits of a runtime's metadata, checked once when it is loaded, so that nothing that reads it later can be
//! made to write long names or to search long lists.

use super::LoadError;

/// Bytes of one name at most: an API, a function, a parameter, a field, a variant, a segment of a type's path.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of a type's whole path at most.
pub const PATH_BYTES_MAX: usize = 1024;
/// Functions of a runtime at most, those of `Core` and `Metadata` included.
pub const FUNCTIONS_MAX: usize = 1024;
/// Fields, variants and tuple items of all types, and parameters of all functions, at most. Each is written into the
/// discovery document with the name of its type. Polkadot's metadata has some ten thousand.
pub const MEMBERS_MAX: usize = 16_384;

/// Characters of a name that an error shows.
const SHOWN_NAME_CHARS_MAX: usize = 64;

/// Checks a name's length. `what` says what it names.
///
/// # Errors
/// [`LoadError::NameTooLong`] with the beginning of the name.
pub(super) fn name(what: &'static str, name: &str) -> Result<(), LoadError> {
    bytes(what, name, name.len(), NAME_BYTES_MAX)
}

/// Checks a path's segments and its length.
///
/// # Errors
/// As [`name`].
pub(super) fn path(segments: &[String]) -> Result<(), LoadError> {
    let mut path_bytes = 0;
    for segment in segments {
        name("a type", segment)?;
        path_bytes += segment.len() + "::".len();
        bytes("a type's path that ends in", segment, path_bytes.saturating_sub("::".len()), PATH_BYTES_MAX)?;
    }
    Ok(())
}

fn bytes(what: &'static str, name: &str, bytes: usize, bytes_max: usize) -> Result<(), LoadError> {
    match bytes <= bytes_max {
        true => Ok(()),
        false => Err(LoadError::NameTooLong { what, name: shown(name), bytes, bytes_max }),
    }
}

/// The beginning of a name, for an error.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(SHOWN_NAME_CHARS_MAX).collect()
}

/// Counts the members of a runtime.
#[derive(Default)]
pub(super) struct Members(usize);

impl Members {
    /// Counts so many more.
    ///
    /// # Errors
    /// [`LoadError::TooManyMembers`].
    pub fn add(&mut self, count: usize) -> Result<(), LoadError> {
        self.0 = self.0.saturating_add(count);
        match self.0 <= MEMBERS_MAX {
            true => Ok(()),
            false => Err(LoadError::TooManyMembers { members_max: MEMBERS_MAX }),
        }
    }
}
