//! From an untrusted registry to [`Types`]: every reference checked, every shape decided.

use scale_info::{
    PortableRegistry, Type, TypeDef, TypeDefPrimitive, TypeDefVariant,
    form::{Form, PortableForm},
};

use super::{
    Field, IntegerWidth, Shape, TypeEntry, TypeId, Types, Variant, Variants,
    limits::{self, Members},
    names, snake,
};

/// Bytes of metadata at most. Polkadot's own is about a tenth of this.
pub(super) const METADATA_BYTES_MAX: usize = 4 << 20;
/// Types of a registry at most. Polkadot's has about a thousand.
const TYPES_MAX: usize = 4096;

/// Why metadata cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// More bytes than are looked at.
    #[error("the metadata has {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not the SCALE encoding of prefixed metadata.
    #[error("the metadata does not decode: {message}")]
    NotMetadata {
        /// Where decoding stopped.
        message: String,
    },
    /// A version that has no runtime APIs, or one from the future.
    #[error("the metadata has version {version}; runtime APIs are read from 15 and 16")]
    Version {
        /// The version given.
        version: u32,
    },
    /// A type refers to one that is not there.
    #[error("type {id} of the metadata refers to type {missing}, which it does not have")]
    MissingType {
        /// The type with the reference, or the number of types for a reference from outside the registry.
        id: u32,
        /// The reference.
        missing: u32,
    },
    /// The registry's types are not numbered in order, or are too many.
    #[error("the metadata's registry of {types} types is out of order, or has more than {types_max}")]
    Registry {
        /// Types given.
        types: usize,
        /// The limit.
        types_max: usize,
    },
    /// A name with more bytes than any may have.
    #[error("the metadata names {what} `{name}..`, which has {bytes} bytes; at most {bytes_max} are allowed")]
    NameTooLong {
        /// What has the name: `a field`.
        what: &'static str,
        /// The beginning of the name.
        name: String,
        /// Bytes it has.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// More functions than a runtime may have.
    #[error("the metadata has {functions} functions; at most {functions_max} are allowed")]
    TooManyFunctions {
        /// Functions counted until then.
        functions: usize,
        /// The limit.
        functions_max: usize,
    },
    /// More fields, variants, tuple items and parameters than a runtime may have.
    #[error(
        "the metadata has more than {members_max} fields, variants, tuple items and parameters, which is the most \
             that is allowed"
    )]
    TooManyMembers {
        /// The limit.
        members_max: usize,
    },
    /// A name that cannot be called.
    #[error("the metadata names something `{name}`; names are made of letters, digits and underscores")]
    BadName {
        /// The name, quoted and cut.
        name: String,
    },
    /// Two functions, parameters, fields or variants with one name.
    #[error("the metadata has two of `{name}`")]
    Duplicate {
        /// The name.
        name: String,
    },
}

/// Checks the registry and decides every type's shape.
pub(super) fn types(registry: &PortableRegistry, members: &mut Members) -> Result<Types, LoadError> {
    let count = registry.types.len();
    let in_order = registry.types.iter().enumerate().all(|(index, ty)| ty.id as usize == index);
    if count > TYPES_MAX || !in_order {
        return Err(LoadError::Registry { types: count, types_max: TYPES_MAX });
    }
    for ty in &registry.types {
        limits::path(&ty.ty.path.segments)?;
        members.add(member_count(&ty.ty.type_def))?;
    }
    let names = names::names(registry);
    let mut entries = Vec::with_capacity(count);
    for (ty, name) in registry.types.iter().zip(names) {
        let loader = Loader { registry, id: ty.id };
        entries.push(TypeEntry {
            name,
            path: ty.ty.path.segments.join("::"),
            docs: ty.ty.docs.join("\n"),
            shape: loader.shape(&ty.ty)?,
            optional: false,
            nullable: false,
        });
    }
    let mut types = Types { entries };
    mark_optional(&mut types);
    mark_nullable(&mut types);
    Ok(types)
}

/// A reference from outside the registry, checked.
pub(super) fn reference(types: &Types, id: u32) -> Result<TypeId, LoadError> {
    let count = types.entries.len() as u32;
    if id < count { Ok(TypeId(id)) } else { Err(LoadError::MissingType { id: count, missing: id }) }
}

/// Fields, variants and items that a definition lists.
fn member_count(definition: &TypeDef<PortableForm>) -> usize {
    match definition {
        TypeDef::Composite(composite) => composite.fields.len(),
        TypeDef::Variant(variants) => {
            variants.variants.iter().fold(0, |count, variant| count + 1 + variant.fields.len())
        }
        TypeDef::Tuple(tuple) => tuple.fields.len(),
        TypeDef::Sequence(_)
        | TypeDef::Array(_)
        | TypeDef::Primitive(_)
        | TypeDef::Compact(_)
        | TypeDef::BitSequence(_) => 0,
    }
}

type Portable = <PortableForm as Form>::Type;

struct Loader<'a> {
    registry: &'a PortableRegistry,
    id: u32,
}

impl Loader<'_> {
    fn reference(&self, to: Portable) -> Result<TypeId, LoadError> {
        match self.registry.resolve(to.id) {
            Some(_) => Ok(TypeId(to.id)),
            None => Err(LoadError::MissingType { id: self.id, missing: to.id }),
        }
    }

    fn shape(&self, ty: &Type<PortableForm>) -> Result<Shape, LoadError> {
        Ok(match &ty.type_def {
            TypeDef::Primitive(primitive) => self::primitive(primitive),
            TypeDef::Compact(compact) => {
                self.reference(compact.type_param)?;
                self.compact(compact.type_param)
            }
            TypeDef::Sequence(sequence) => match self.is_byte(sequence.type_param) {
                true => Shape::Bytes,
                false => Shape::Sequence(self.reference(sequence.type_param)?),
            },
            TypeDef::Array(array) => match self.is_byte(array.type_param) {
                true => Shape::ByteArray(array.len),
                false => Shape::Array(self.reference(array.type_param)?, array.len),
            },
            TypeDef::Tuple(tuple) => match tuple.fields.as_slice() {
                [] => Shape::Unit,
                fields => Shape::Tuple(fields.iter().map(|field| self.reference(*field)).collect::<Result<_, _>>()?),
            },
            TypeDef::BitSequence(_) => Shape::Unsupported,
            TypeDef::Composite(composite) => {
                let shape = self.fields(&composite.fields)?;
                match ty.path.segments.last().map(String::as_str) {
                    Some(ident) => self.special(ident, shape),
                    None => shape,
                }
            }
            TypeDef::Variant(variants) => self.variants(ty, variants)?,
        })
    }

    fn fields(&self, fields: &[scale_info::Field<PortableForm>]) -> Result<Shape, LoadError> {
        let named = fields.iter().all(|field| field.name.is_some());
        Ok(match fields {
            [] => Shape::Unit,
            _ if named => {
                let fields = fields.iter().map(|field| {
                    limits::name("a field", field.name.as_deref().unwrap_or_default())?;
                    Ok(Field {
                        name: field.name.clone().unwrap_or_default(),
                        ty: self.reference(field.ty)?,
                        docs: field.docs.join("\n"),
                    })
                });
                let fields: Vec<Field> = fields.collect::<Result<_, LoadError>>()?;
                unique(fields.iter().map(|field| field.name.as_str()))?;
                Shape::Struct(fields)
            }
            [one] => Shape::Newtype(self.reference(one.ty)?),
            many => Shape::Tuple(many.iter().map(|field| self.reference(field.ty)).collect::<Result<_, _>>()?),
        })
    }

    /// Types that JSON shows otherwise than their fields, known by name and shape together.
    fn special(&self, ident: &str, shape: Shape) -> Shape {
        let Shape::Newtype(inner) = shape else { return shape };
        let inner_def = self.registry.resolve(inner.0).map(|ty| &ty.type_def);
        match (ident, inner_def) {
            ("F32", Some(TypeDef::Primitive(TypeDefPrimitive::U32))) => Shape::Float,
            ("Milli", Some(TypeDef::Primitive(TypeDefPrimitive::U32))) => Shape::Milli,
            ("SignedMilli", Some(TypeDef::Primitive(TypeDefPrimitive::I32))) => Shape::SignedMilli,
            ("NanoUsd", Some(TypeDef::Primitive(TypeDefPrimitive::U64))) => Shape::Nano,
            ("BTreeMap", Some(TypeDef::Sequence(entries))) => {
                match self.registry.resolve(entries.type_param.id).map(|entry| &entry.type_def) {
                    // The tuple is in the registry, so its own references are checked when it is loaded.
                    Some(TypeDef::Tuple(pair)) => match pair.fields.as_slice() {
                        [key, value] => Shape::Map(TypeId(key.id), TypeId(value.id)),
                        _ => Shape::Newtype(inner),
                    },
                    _ => Shape::Newtype(inner),
                }
            }
            _ => Shape::Newtype(inner),
        }
    }

    fn variants(&self, ty: &Type<PortableForm>, variants: &TypeDefVariant<PortableForm>) -> Result<Shape, LoadError> {
        let mut loaded = Vec::with_capacity(variants.variants.len());
        for variant in &variants.variants {
            limits::name("a variant", &variant.name)?;
            loaded.push(Variant {
                name: variant.name.clone(),
                json_name: snake(&variant.name),
                index: variant.index,
                fields: self.fields(&variant.fields)?,
                docs: variant.docs.join("\n"),
            });
        }
        unique(loaded.iter().map(|variant| variant.name.as_str()))?;
        unique(loaded.iter().map(|variant| variant.index))?;
        if unique(loaded.iter().map(|variant| variant.json_name.as_str())).is_err() {
            loaded.iter_mut().for_each(|variant| variant.json_name.clone_from(&variant.name));
        }
        if ty.path.segments == ["Option"]
            && let [none, some] = loaded.as_slice()
            && let (0, "None", Shape::Unit) = (none.index, none.name.as_str(), &none.fields)
            && let (1, "Some", Shape::Newtype(inner)) = (some.index, some.name.as_str(), &some.fields)
        {
            return Ok(Shape::Option(*inner));
        }
        Ok(Shape::Enum(Variants::new(loaded)))
    }

    fn is_byte(&self, of: Portable) -> bool {
        matches!(self.registry.resolve(of.id).map(|ty| &ty.type_def), Some(TypeDef::Primitive(TypeDefPrimitive::U8)))
    }

    /// `Compact` is defined for unsigned integers, for unit and for newtypes of them.
    fn compact(&self, mut of: Portable) -> Shape {
        for _ in 0..self.registry.types.len() {
            let Some(ty) = self.registry.resolve(of.id) else { break };
            match &ty.type_def {
                TypeDef::Primitive(primitive) => {
                    return match self::primitive(primitive) {
                        Shape::Unsigned(width) => Shape::Compact(width),
                        _ => Shape::Unsupported,
                    };
                }
                TypeDef::Tuple(tuple) if tuple.fields.is_empty() => return Shape::Unit,
                TypeDef::Composite(composite) => match composite.fields.as_slice() {
                    [one] => of = one.ty,
                    _ => break,
                },
                _ => break,
            }
        }
        Shape::Unsupported
    }
}

fn primitive(primitive: &TypeDefPrimitive) -> Shape {
    match primitive {
        TypeDefPrimitive::Bool => Shape::Bool,
        TypeDefPrimitive::Char => Shape::Char,
        TypeDefPrimitive::Str => Shape::Text,
        TypeDefPrimitive::U8 => Shape::Unsigned(IntegerWidth::W8),
        TypeDefPrimitive::U16 => Shape::Unsigned(IntegerWidth::W16),
        TypeDefPrimitive::U32 => Shape::Unsigned(IntegerWidth::W32),
        TypeDefPrimitive::U64 => Shape::Unsigned(IntegerWidth::W64),
        TypeDefPrimitive::U128 => Shape::Unsigned(IntegerWidth::W128),
        TypeDefPrimitive::I8 => Shape::Signed(IntegerWidth::W8),
        TypeDefPrimitive::I16 => Shape::Signed(IntegerWidth::W16),
        TypeDefPrimitive::I32 => Shape::Signed(IntegerWidth::W32),
        TypeDefPrimitive::I64 => Shape::Signed(IntegerWidth::W64),
        TypeDefPrimitive::I128 => Shape::Signed(IntegerWidth::W128),
        TypeDefPrimitive::U256 | TypeDefPrimitive::I256 => Shape::Unsupported,
    }
}

/// Refuses the second of two equal names or indexes.
pub(super) fn unique<T: Ord + ToString>(names: impl Iterator<Item = T>) -> Result<(), LoadError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        let text = name.to_string();
        if !seen.insert(name) {
            return Err(LoadError::Duplicate { name: text });
        }
    }
    Ok(())
}

/// Marks what may be left out. The least such set: a struct that contains itself is not in it, so
/// that filling one in ends. Each reference is looked at once.
fn mark_optional(types: &mut Types) {
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); types.entries.len()];
    // How many fields keep a type from being optional; `None` where no fields could make it so.
    let mut blockers: Vec<Option<usize>> = Vec::with_capacity(types.entries.len());
    let mut settled = Vec::new();
    for (index, entry) in types.entries.iter().enumerate() {
        blockers.push(match &entry.shape {
            Shape::Unit | Shape::Option(_) => {
                settled.push(index);
                None
            }
            Shape::Newtype(inner) => {
                holders[inner.0 as usize].push(index);
                Some(1)
            }
            Shape::Struct(fields) => {
                fields.iter().for_each(|field| holders[field.ty.0 as usize].push(index));
                Some(fields.len())
            }
            _ => None,
        });
    }
    while let Some(index) = settled.pop() {
        types.entries[index].optional = true;
        for &holder in &holders[index] {
            if let Some(count) = &mut blockers[holder] {
                *count -= 1;
                if *count == 0 {
                    settled.push(holder);
                }
            }
        }
    }
}

/// Marks what is null in JSON for some value, so that `Option` of it needs another way to say `Some`.
fn mark_nullable(types: &mut Types) {
    for index in 0..types.entries.len() {
        let nullable = matches!(types.peeled(TypeId(index as u32)).shape, Shape::Unit | Shape::Option(_));
        types.entries[index].nullable = nullable;
    }
}
