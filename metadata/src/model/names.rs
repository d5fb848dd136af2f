//! Names of types for people: `Option<u32>`, `Vec<ChatMessage>`, `[f32; 3]`.
//!
//! A name is made of the last segment of a type's path and its parameters. Where two types would
//! share one, both get their whole path. Names are cut at a length, for a hostile registry can nest
//! parameters without end.

use std::collections::BTreeMap;

use scale_info::{PortableRegistry, TypeDef, TypeDefPrimitive};

/// Bytes of a type's name at most; longer ones end in `..`.
pub(super) const NAME_BYTES_MAX: usize = 200;
/// Parameters inside parameters, at most; deeper ones are `..`.
const NESTING_MAX: usize = 8;

/// A name for every type of the registry, by id.
pub(super) fn names(registry: &PortableRegistry) -> Vec<String> {
    let mut names: Vec<String> = (0..registry.types.len() as u32).map(|id| name(registry, id, false)).collect();
    let mut holders: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, name) in names.iter().enumerate() {
        let has_path = registry.resolve(index as u32).is_some_and(|ty| !ty.path.is_empty());
        if has_path {
            holders.entry(name.clone()).or_default().push(index);
        }
    }
    for indexes in holders.into_values().filter(|indexes| indexes.len() > 1) {
        for index in indexes {
            names[index] = name(registry, index as u32, true);
        }
    }
    names
}

fn name(registry: &PortableRegistry, id: u32, whole_path: bool) -> String {
    let mut text = String::new();
    write(registry, id, whole_path, NESTING_MAX, &mut text);
    if text.len() > NAME_BYTES_MAX {
        let end = (0..=NAME_BYTES_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("..");
    }
    text
}

fn write(registry: &PortableRegistry, id: u32, whole_path: bool, nesting_left: usize, text: &mut String) {
    // The length is looked at on the way, so that exponential nesting ends early.
    let Some(ty) = registry.resolve(id).filter(|_| nesting_left > 0 && text.len() <= NAME_BYTES_MAX) else {
        return text.push_str("..");
    };
    let list = |ids: &mut dyn Iterator<Item = u32>, text: &mut String| {
        for (index, id) in ids.enumerate() {
            if text.len() > NAME_BYTES_MAX {
                break;
            }
            if index > 0 {
                text.push_str(", ");
            }
            write(registry, id, false, nesting_left - 1, text);
        }
    };

    if let Some(ident) = ty.path.segments.last() {
        match whole_path {
            true => text.push_str(&ty.path.segments.join("::")),
            false => text.push_str(ident),
        }
        let mut parameters = ty.type_params.iter().filter_map(|parameter| parameter.ty.map(|ty| ty.id)).peekable();
        if parameters.peek().is_some() {
            text.push('<');
            list(&mut parameters, text);
            text.push('>');
        }
        return;
    }
    match &ty.type_def {
        TypeDef::Primitive(primitive) => text.push_str(self::primitive(primitive)),
        TypeDef::Sequence(sequence) => {
            text.push_str("Vec<");
            list(&mut std::iter::once(sequence.type_param.id), text);
            text.push('>');
        }
        TypeDef::Array(array) => {
            text.push('[');
            list(&mut std::iter::once(array.type_param.id), text);
            text.push_str(&format!("; {}]", array.len));
        }
        TypeDef::Compact(compact) => {
            text.push_str("Compact<");
            list(&mut std::iter::once(compact.type_param.id), text);
            text.push('>');
        }
        TypeDef::Tuple(tuple) => {
            text.push('(');
            list(&mut tuple.fields.iter().map(|field| field.id), text);
            text.push(')');
        }
        TypeDef::Composite(_) => text.push_str("struct"),
        TypeDef::Variant(_) => text.push_str("enum"),
        TypeDef::BitSequence(_) => text.push_str("BitVec"),
    }
}

fn primitive(primitive: &TypeDefPrimitive) -> &'static str {
    match primitive {
        TypeDefPrimitive::Bool => "bool",
        TypeDefPrimitive::Char => "char",
        TypeDefPrimitive::Str => "String",
        TypeDefPrimitive::U8 => "u8",
        TypeDefPrimitive::U16 => "u16",
        TypeDefPrimitive::U32 => "u32",
        TypeDefPrimitive::U64 => "u64",
        TypeDefPrimitive::U128 => "u128",
        TypeDefPrimitive::U256 => "u256",
        TypeDefPrimitive::I8 => "i8",
        TypeDefPrimitive::I16 => "i16",
        TypeDefPrimitive::I32 => "i32",
        TypeDefPrimitive::I64 => "i64",
        TypeDefPrimitive::I128 => "i128",
        TypeDefPrimitive::I256 => "i256",
    }
}
