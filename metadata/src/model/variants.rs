//! The variants of an enum, found by name in any case or by index. The names are folded once, when the metadata is
//! loaded: values only look them up.

use std::{collections::BTreeMap, ops::Deref};

use super::{Variant, folded};

/// Indexes that a variant can have.
const INDEXES: usize = 256;

/// The variants of an enum, in the order in which they are declared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variants {
    variants: Vec<Variant>,
    /// Declared names and names in JSON.
    by_name: BTreeMap<String, usize>,
    /// Names without what cases differ in; `None` where several variants share one.
    by_folded_name: BTreeMap<String, Option<usize>>,
    /// Positions by the first byte of the encoding.
    by_index: Vec<Option<u8>>,
}

impl Variants {
    /// Indexes variants whose names and indexes are unique, so that there are at most 256.
    pub(super) fn new(variants: Vec<Variant>) -> Self {
        let mut by_name = BTreeMap::new();
        let mut by_folded_name = BTreeMap::new();
        let mut by_index = vec![None; INDEXES];
        for (position, variant) in variants.iter().enumerate() {
            // Of two variants with one name, the first is found: `A` and `a` are both `a` in JSON.
            by_name.entry(variant.name.clone()).or_insert(position);
            by_name.entry(variant.json_name.clone()).or_insert(position);
            by_folded_name
                .entry(folded(&variant.name))
                .and_modify(|position| *position = None)
                .or_insert(Some(position));
            if let Some(at) = by_index.get_mut(usize::from(variant.index)) {
                *at = u8::try_from(position).ok();
            }
        }
        Self { variants, by_name, by_folded_name, by_index }
    }

    /// The variant of this name: as declared, as in JSON, or else in any case if only one is alike.
    pub(crate) fn named(&self, name: &str) -> Option<&Variant> {
        let exact = self.by_name.get(name).copied();
        self.variants.get(exact.or_else(|| self.by_folded_name.get(&folded(name)).copied().flatten())?)
    }

    /// The variant whose encoding begins with this byte.
    pub(crate) fn at(&self, index: u8) -> Option<&Variant> {
        let position = self.by_index.get(usize::from(index)).copied().flatten()?;
        self.variants.get(usize::from(position))
    }
}

impl Deref for Variants {
    type Target = [Variant];

    fn deref(&self) -> &[Variant] {
        &self.variants
    }
}
