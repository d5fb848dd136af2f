//! Text that many answers share, so that a large value is held once.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// A string on the wire; clones share the bytes. serde's own support for `Arc<str>` needs its feature `rc`, which would
/// be in force for the whole workspace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedText(pub Arc<str>);

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Serialize for SharedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SharedText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
