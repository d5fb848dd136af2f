//! The types of a runtime, each reduced to the shape by which JSON and SCALE meet.
//!
//! Built by `load` from an untrusted registry: every [`TypeId`] inside is one of this table's. Types
//! may still be recursive, or blow up when written out (`(T, T)` of `(U, U)` of ..), so whoever walks
//! them counts depth and values.

use std::ops::Index;

use super::Variants;

/// A type's number in its [`Types`]. Only good for the table it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TypeId(pub(super) u32);

impl TypeId {
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// All types of a runtime.
#[derive(Clone, Debug)]
pub struct Types {
    pub(super) entries: Vec<TypeEntry>,
}

impl Types {
    /// Every type with its id.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &TypeEntry)> {
        (0..).map(TypeId).zip(&self.entries)
    }

    /// The types that values of these can hold, these first, each once.
    pub(crate) fn reachable(&self, roots: impl IntoIterator<Item = TypeId>) -> Vec<TypeId> {
        let mut seen = vec![false; self.entries.len()];
        let mut found: Vec<TypeId> = Vec::new();
        let mut push = |id: TypeId, found: &mut Vec<TypeId>| {
            if let Some(seen) = seen.get_mut(id.0 as usize)
                && !std::mem::replace(seen, true)
            {
                found.push(id);
            }
        };
        roots.into_iter().for_each(|id| push(id, &mut found));
        let mut next = 0;
        while let Some(&id) = found.get(next) {
            self[id].shape.references(&mut |id| push(id, &mut found));
            next += 1;
        }
        found
    }

    /// The type that decides how `id` looks in JSON: newtypes peeled off.
    pub(crate) fn peeled(&self, id: TypeId) -> &TypeEntry {
        let mut entry = &self[id];
        // A chain longer than the table goes in a circle, and a circle of newtypes has no values.
        for _ in 0..self.entries.len() {
            match entry.shape {
                Shape::Newtype(inner) => entry = &self[inner],
                _ => break,
            }
        }
        entry
    }
}

/// What an id from another runtime's table stands for here.
static FOREIGN: TypeEntry = TypeEntry {
    name: String::new(),
    path: String::new(),
    docs: String::new(),
    shape: Shape::Unsupported,
    optional: false,
    nullable: false,
};

impl Index<TypeId> for Types {
    type Output = TypeEntry;

    /// The type; an unsupported one for an id from another table.
    fn index(&self, id: TypeId) -> &TypeEntry {
        self.entries.get(id.0 as usize).unwrap_or(&FOREIGN)
    }
}

/// One type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeEntry {
    /// For people: `GenerateOptions`, `Option<u32>`, `Vec<String>`. Unique among types with a path.
    pub name: String,
    /// Where the type is defined, `realm_primitives::types::generate::GenerateOptions`; empty for built-in types.
    pub path: String,
    /// The type's doc comment.
    pub docs: String,
    /// What its values look like.
    pub shape: Shape,
    /// A missing value is taken as the absent one: `Option`, unit, and structs of nothing but such fields.
    pub optional: bool,
    /// A present value may be null in JSON.
    pub nullable: bool,
}

/// What a type's values look like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `()` and structs without fields.
    Unit,
    /// `bool`.
    Bool,
    /// `char`: a u32.
    Char,
    /// `str`, `String`.
    Text,
    /// `u8` to `u128`.
    Unsigned(IntegerWidth),
    /// `i8` to `i128`.
    Signed(IntegerWidth),
    /// `Compact` of an unsigned integer of this width.
    Compact(IntegerWidth),
    /// `F32`: a float's bits.
    Float,
    /// `Milli`: thousandths in a u32.
    Milli,
    /// `SignedMilli`: thousandths in an i32.
    SignedMilli,
    /// `NanoUsd`: billionths in a u64.
    Nano,
    /// `Vec<u8>`.
    Bytes,
    /// `[u8; N]`.
    ByteArray(u32),
    /// `Vec<T>`, sets.
    Sequence(TypeId),
    /// `[T; N]`.
    Array(TypeId, u32),
    /// Tuples, and structs with two or more unnamed fields.
    Tuple(Vec<TypeId>),
    /// A struct with one unnamed field: looks like the field.
    Newtype(TypeId),
    /// A struct with named fields.
    Struct(Vec<Field>),
    /// `Option<T>`.
    Option(TypeId),
    /// Any other enum; `Result` among them.
    Enum(Variants),
    /// A map from the first type to the second.
    Map(TypeId, TypeId),
    /// A type that JSON is not made of: bit sequences, 256-bit integers.
    Unsupported,
}

impl Shape {
    /// Calls `visit` with each type that this one is directly made of.
    fn references(&self, visit: &mut impl FnMut(TypeId)) {
        match self {
            Shape::Sequence(inner) | Shape::Array(inner, _) | Shape::Newtype(inner) | Shape::Option(inner) => {
                visit(*inner)
            }
            Shape::Tuple(items) => items.iter().copied().for_each(visit),
            Shape::Struct(fields) => fields.iter().map(|field| field.ty).for_each(visit),
            Shape::Enum(variants) => variants.iter().for_each(|variant| variant.fields.references(visit)),
            Shape::Map(key, value) => [*key, *value].into_iter().for_each(visit),
            Shape::Unit
            | Shape::Bool
            | Shape::Char
            | Shape::Text
            | Shape::Unsigned(_)
            | Shape::Signed(_)
            | Shape::Compact(_)
            | Shape::Float
            | Shape::Milli
            | Shape::SignedMilli
            | Shape::Nano
            | Shape::Bytes
            | Shape::ByteArray(_)
            | Shape::Unsupported => {}
        }
    }
}

/// How wide an integer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IntegerWidth {
    /// 8 bits.
    W8,
    /// 16 bits.
    W16,
    /// 32 bits.
    W32,
    /// 64 bits.
    W64,
    /// 128 bits.
    W128,
}

impl IntegerWidth {
    /// The width in bits.
    pub fn bits(self) -> u32 {
        self.bytes() as u32 * 8
    }

    /// The width in bytes.
    pub fn bytes(self) -> usize {
        match self {
            IntegerWidth::W8 => 1,
            IntegerWidth::W16 => 2,
            IntegerWidth::W32 => 4,
            IntegerWidth::W64 => 8,
            IntegerWidth::W128 => 16,
        }
    }
}

/// A named field of a struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// The field's type.
    pub ty: TypeId,
    /// The field's doc comment.
    pub docs: String,
}

/// One variant of an enum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variant {
    /// The name as declared: `ContextOverflow`.
    pub name: String,
    /// The name in JSON: `context_overflow`.
    pub json_name: String,
    /// The first byte of the encoding.
    pub index: u8,
    /// What follows that byte: [`Shape::Unit`], [`Shape::Newtype`], [`Shape::Tuple`] or [`Shape::Struct`].
    pub fields: Shape,
    /// The variant's doc comment.
    pub docs: String,
}
