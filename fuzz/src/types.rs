//! A registry of types out of a fuzzer's bytes, and metadata that declares functions over it.

use crate::choices::Choices;
use frame_metadata::{
    META_RESERVED, RuntimeMetadata, RuntimeMetadataPrefixed,
    v15::{
        CustomMetadata, ExtrinsicMetadata, OuterEnums, RuntimeApiMetadata, RuntimeApiMethodMetadata,
        RuntimeApiMethodParamMetadata, RuntimeMetadataV15,
    },
};
use parity_scale_codec::Encode;
use scale_info::{
    Field, Path, PortableRegistry, PortableType, Type, TypeDef, TypeDefArray, TypeDefCompact, TypeDefComposite,
    TypeDefPrimitive, TypeDefSequence, TypeDefTuple, TypeDefVariant, Variant, form::PortableForm,
    interner::UntrackedSymbol,
};
use std::{any::TypeId, collections::BTreeMap};

/// Types of a registry.
const TYPES_MAX: usize = 12;
/// Fields of a struct, items of a tuple, variants of an enum.
const PARTS_MAX: usize = 5;
/// Names that mean something to the transcoder, or are hard for it.
const NAMES: [&str; 10] = ["a", "b", "some", "options", "message", "Ok", "None", "HTTPError", "x_1", "value"];
/// Type names by which the transcoder recognises a type.
const IDENTS: [&str; 7] = ["F32", "Milli", "SignedMilli", "NanoUsd", "BTreeMap", "Option", "Result"];

type Id = UntrackedSymbol<TypeId>;

/// Returns encoded metadata, version 15, of an API `Api` whose function `call` takes one `value` of type 0 and returns
/// type 0.
pub(crate) fn metadata_of(choices: &mut Choices<'_>) -> Vec<u8> {
    let count = 1 + choices.below(TYPES_MAX);
    let types = (0..count).map(|id| PortableType { id: id as u32, ty: one_type(choices, count) }).collect();
    let zero = Id::from(0);
    let metadata = RuntimeMetadataV15 {
        types: PortableRegistry { types },
        pallets: vec![],
        extrinsic: ExtrinsicMetadata {
            version: 4,
            address_ty: zero,
            call_ty: zero,
            signature_ty: zero,
            extra_ty: zero,
            signed_extensions: vec![],
        },
        ty: zero,
        apis: vec![RuntimeApiMetadata {
            name: "Api".into(),
            methods: vec![RuntimeApiMethodMetadata {
                name: "call".into(),
                inputs: vec![RuntimeApiMethodParamMetadata { name: "value".into(), ty: zero }],
                output: zero,
                docs: vec![],
            }],
            docs: vec![],
        }],
        outer_enums: OuterEnums { call_enum_ty: zero, event_enum_ty: zero, error_enum_ty: zero },
        custom: CustomMetadata { map: BTreeMap::new() },
    };
    RuntimeMetadataPrefixed(META_RESERVED, RuntimeMetadata::V15(metadata)).encode()
}

fn one_type(choices: &mut Choices<'_>, count: usize) -> Type<PortableForm> {
    let mut segments = Vec::new();
    let type_def = match choices.below(9) {
        0 => TypeDef::Primitive(primitive(choices)),
        1 => TypeDef::Compact(TypeDefCompact { type_param: reference(choices, count) }),
        2 => TypeDef::Sequence(TypeDefSequence { type_param: reference(choices, count) }),
        3 => {
            let len = choices.below(PARTS_MAX) as u32;
            TypeDef::Array(TypeDefArray { len, type_param: reference(choices, count) })
        }
        4 => {
            let len = choices.below(PARTS_MAX);
            TypeDef::Tuple(TypeDefTuple { fields: (0..len).map(|_| reference(choices, count)).collect() })
        }
        5 => TypeDef::Composite(TypeDefComposite { fields: fields(choices, count) }),
        6 => {
            // A newtype with a name that may be special.
            segments.extend(choices.one_of(&IDENTS).map(str::to_owned));
            TypeDef::Composite(TypeDefComposite { fields: vec![field(None, reference(choices, count))] })
        }
        7 => {
            segments.push("Option".to_owned());
            let some = vec![field(None, reference(choices, count))];
            TypeDef::Variant(TypeDefVariant { variants: vec![variant("None", 0, vec![]), variant("Some", 1, some)] })
        }
        _ => {
            segments.extend(choices.one_of(&IDENTS).map(str::to_owned));
            let names = names(choices);
            let variants = names.into_iter().zip(0..).map(|(name, at)| variant(name, at, fields(choices, count)));
            TypeDef::Variant(TypeDefVariant { variants: variants.collect() })
        }
    };
    Type { path: Path { segments }, type_params: vec![], type_def, docs: vec![] }
}

fn primitive(choices: &mut Choices<'_>) -> TypeDefPrimitive {
    use TypeDefPrimitive::{Bool, Char, I8, I16, I32, I64, I128, I256, Str, U8, U16, U32, U64, U128, U256};
    let all = [Bool, Char, Str, U8, U16, U32, U64, U128, U256, I8, I16, I32, I64, I128, I256];
    let at = choices.below(all.len());
    all.into_iter().nth(at).unwrap_or(Bool)
}

fn reference(choices: &mut Choices<'_>, count: usize) -> Id {
    Id::from(choices.below(count) as u32)
}

/// Up to [`PARTS_MAX`] names, each once.
fn names(choices: &mut Choices<'_>) -> Vec<&'static str> {
    let (first, len) = (choices.below(NAMES.len()), choices.below(PARTS_MAX));
    NAMES.into_iter().cycle().skip(first).take(len).collect()
}

fn fields(choices: &mut Choices<'_>, count: usize) -> Vec<Field<PortableForm>> {
    let named = choices.below(2) == 1;
    names(choices).into_iter().map(|name| field(named.then_some(name), reference(choices, count))).collect()
}

fn field(name: Option<&str>, ty: Id) -> Field<PortableForm> {
    Field { name: name.map(str::to_owned), ty, type_name: None, docs: vec![] }
}

fn variant(name: &str, index: u8, fields: Vec<Field<PortableForm>>) -> Variant<PortableForm> {
    Variant { name: name.to_owned(), fields, index, docs: vec![] }
}
