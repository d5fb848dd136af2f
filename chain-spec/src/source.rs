//! Where a runtime's code and a model's weights come from.

use crate::{SpecError, SpecProblem, reader::Field};
use std::path::{Path, PathBuf};

/// The word for what the node was built with.
const EMBEDDED: &str = "embedded";
/// What a reference to a model on a hub begins with.
const HUB: &str = "hf:";

/// Where a runtime's code comes from. JSON: `"embedded"`, `"0x.."`, or the path of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CodeSource {
    /// The blob that the node was built with.
    Embedded,
    /// A file; a relative path counts from the specification's folder.
    File(PathBuf),
    /// The code itself.
    Code(Vec<u8>),
}

impl CodeSource {
    pub(crate) fn read(field: Field<'_>) -> Result<Self, SpecError> {
        match field.text()? {
            EMBEDDED => Ok(Self::Embedded),
            "" => Err(field.fail(SpecProblem::Empty)),
            text if text.starts_with("0x") => field.hex().map(Self::Code),
            path => Ok(Self::File(path.into())),
        }
    }

    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Embedded => EMBEDDED.to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Code(code) => format!("0x{}", hex::encode(code)),
        }
    }

    pub(crate) fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&path);
        }
    }
}

/// Where a model's weights come from. JSON: `"embedded"`, `"hf:OWNER/NAME[:FILE]"`, or the path of a GGUF file or of a
/// Hugging Face folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModelSource {
    /// The demonstration model that comes with the node.
    Embedded,
    /// A file or folder; a relative path counts from the specification's folder.
    File(PathBuf),
    /// A model on a hub, as the specification writes it. It is fetched, or found in the cache, when it is loaded.
    Hub(String),
}

impl ModelSource {
    /// What a word on a command line means: a model on a hub if it begins with `hf:`, else a path.
    pub fn of_path(path: PathBuf) -> Self {
        match path.to_str() {
            Some(text) if text.starts_with(HUB) => Self::Hub(text.to_owned()),
            _ => Self::File(path),
        }
    }

    pub(crate) fn read(field: Field<'_>) -> Result<Self, SpecError> {
        match field.text()? {
            EMBEDDED => Ok(Self::Embedded),
            "" => Err(field.fail(SpecProblem::Empty)),
            path => Ok(Self::of_path(path.into())),
        }
    }

    /// As the specification writes it.
    pub fn to_text(&self) -> String {
        match self {
            Self::Embedded => EMBEDDED.to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Hub(reference) => reference.clone(),
        }
    }

    pub(crate) fn resolve(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&path);
        }
    }
}
