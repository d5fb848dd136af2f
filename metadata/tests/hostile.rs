//! Metadata that nobody means well with. It must be refused, or be harmless: no panic, no endless
//! work, no memory that its bytes do not account for.

mod common;

use std::collections::BTreeMap;

use frame_metadata::{
    META_RESERVED, RuntimeMetadata, RuntimeMetadataPrefixed,
    v15::{
        CustomMetadata, ExtrinsicMetadata, OuterEnums, RuntimeApiMetadata, RuntimeApiMethodMetadata,
        RuntimeApiMethodParamMetadata, RuntimeMetadataV15,
    },
};
use parity_scale_codec::{Compact, Encode};
use proptest::prelude::*;
use realm_metadata::{
    ANSWER_JSON_BYTES_MAX, ANSWER_TREE_BYTES_MAX, ApiInfo, DecodeError, DiscoveryHeader, EncodeError, FUNCTIONS_MAX,
    LoadError, MEMBERS_MAX, Metadata, MetadataDiff, NAME_BYTES_MAX, Outcome, PATH_BYTES_MAX, discovery, openrpc,
};
use realm_primitives::{api::RuntimeApis, metadata};
use scale_info::{
    Field, Path, PortableRegistry, PortableType, Type, TypeDef, TypeDefArray, TypeDefComposite, TypeDefSequence,
    TypeDefTuple, form::PortableForm,
};
use serde_json::json;

type Id = scale_info::interner::UntrackedSymbol<std::any::TypeId>;

/// Metadata of these types, numbered in order, and one function `Api_call` with a parameter and a
/// result of type 0.
fn metadata_of(types: Vec<TypeDef<PortableForm>>) -> Result<Metadata, LoadError> {
    metadata_with(types, "Api", ["call".to_owned()])
}

/// As [`metadata_of`], with functions of these names in an API of this name.
fn metadata_with(
    types: Vec<TypeDef<PortableForm>>,
    api: &str,
    functions: impl IntoIterator<Item = String>,
) -> Result<Metadata, LoadError> {
    let types = types.into_iter().map(|type_def| Type {
        path: Path { segments: vec![] },
        type_params: vec![],
        type_def,
        docs: vec![],
    });
    metadata_of_types(types.collect(), api, functions)
}

fn metadata_of_types(
    types: Vec<Type<PortableForm>>,
    api: &str,
    functions: impl IntoIterator<Item = String>,
) -> Result<Metadata, LoadError> {
    let types = types.into_iter().zip(0..).map(|(ty, id)| PortableType { id, ty });
    let zero = Id::from(0);
    let metadata = RuntimeMetadataV15 {
        types: PortableRegistry { types: types.collect() },
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
            name: api.into(),
            methods: functions
                .into_iter()
                .map(|name| RuntimeApiMethodMetadata {
                    name,
                    inputs: vec![RuntimeApiMethodParamMetadata { name: "value".into(), ty: zero }],
                    output: zero,
                    docs: vec![],
                })
                .collect(),
            docs: vec![],
        }],
        outer_enums: OuterEnums { call_enum_ty: zero, event_enum_ty: zero, error_enum_ty: zero },
        custom: CustomMetadata { map: BTreeMap::new() },
    };
    Metadata::decode(&RuntimeMetadataPrefixed(META_RESERVED, RuntimeMetadata::V15(metadata)).encode())
}

fn tuple(ids: &[u32]) -> TypeDef<PortableForm> {
    TypeDef::Tuple(TypeDefTuple { fields: ids.iter().copied().map(Id::from).collect() })
}

fn structure(fields: &[(Option<&str>, u32)]) -> TypeDef<PortableForm> {
    let field = |(name, ty): &(Option<&str>, u32)| Field {
        name: name.map(str::to_owned),
        ty: Id::from(*ty),
        type_name: None,
        docs: vec![],
    };
    TypeDef::Composite(TypeDefComposite { fields: fields.iter().map(field).collect() })
}

/// Everything that reads types, on types that are loaded.
fn exercise(metadata: &Metadata) {
    discovery(metadata, &DiscoveryHeader { version: "", spec_name: "", spec_version: 0 });
    openrpc(metadata, &ApiInfo { title: "", version: "", description: "" }, vec![]);
    MetadataDiff::between(metadata, metadata);
    for function in metadata.functions() {
        for bytes in [&[][..], &[0; 64], &[4; 64], &[255; 64]] {
            let _ = metadata.decode_return(function, bytes);
            let _ = metadata.decode_arguments(function, bytes);
        }
        for params in [json!(null), json!([null]), json!({}), json!([[[[]]]]), json!([{"a": {}}]), json!(["0x00"])] {
            let _ = metadata.encode_arguments(function, &params);
        }
    }
}

#[test]
fn references_that_lead_nowhere_are_refused() {
    fn check(types: Vec<TypeDef<PortableForm>>, expected: LoadError) {
        assert_eq!(metadata_of(types).expect_err("refused"), expected);
    }
    check(vec![], LoadError::MissingType { id: 0, missing: 0 });
    check(vec![tuple(&[1])], LoadError::MissingType { id: 0, missing: 1 });
    check(vec![structure(&[(None, u32::MAX)])], LoadError::MissingType { id: 0, missing: u32::MAX });
    let sequence = TypeDef::Sequence(TypeDefSequence { type_param: Id::from(9) });
    check(vec![sequence], LoadError::MissingType { id: 0, missing: 9 });
    check(vec![structure(&[(Some("a"), 0), (Some("a"), 0)])], LoadError::Duplicate { name: "a".into() });
    check(vec![tuple(&[]); 5000], LoadError::Registry { types: 5000, types_max: 4096 });
}

#[test]
fn types_that_hold_themselves_end() {
    let array = |ty: u32, len| TypeDef::Array(TypeDefArray { len, type_param: Id::from(ty) });
    let sequence = |ty: u32| TypeDef::Sequence(TypeDefSequence { type_param: Id::from(ty) });
    let compact = |ty: u32| TypeDef::Compact(scale_info::TypeDefCompact { type_param: Id::from(ty) });
    for types in [
        vec![structure(&[(None, 0)])],
        vec![structure(&[(Some("a"), 0)])],
        vec![structure(&[(None, 1)]), structure(&[(None, 0)])],
        vec![tuple(&[0, 0])],
        vec![sequence(0)],
        vec![array(0, u32::MAX)],
        vec![array(1, u32::MAX), tuple(&[])],
        vec![compact(0)],
        vec![compact(1), structure(&[(None, 1)])],
    ] {
        exercise(&metadata_of(types).expect("well-formed"));
    }
}

#[test]
fn types_that_double_at_every_level_end() {
    // Type i is two of type i + 1; the last is unit: 2^60 values without a byte.
    for pair in [|next| tuple(&[next, next]), |next| structure(&[(Some("a"), next), (Some("b"), next)])] {
        let mut types: Vec<_> = (0..60).map(|index| pair(index + 1)).collect();
        types.push(tuple(&[]));
        let metadata = metadata_of(types).expect("well-formed");
        exercise(&metadata);
        let call = metadata.resolve("call").expect("known");
        assert!(metadata.decode_return(call, &[]).is_err());
        assert!(metadata.encode_arguments(call, &json!(null)).is_err());
    }
    let mut types: Vec<_> = (0..60).map(|index| structure(&[(Some("a"), index + 1), (Some("b"), index + 1)])).collect();
    types.push(tuple(&[]));
    let metadata = metadata_of(types).expect("well-formed");
    let call = metadata.resolve("call").expect("known");
    let error = metadata.encode_arguments(call, &json!({})).expect_err("2^60 absent fields");
    assert!(matches!(error, EncodeError::TooManyAbsent { .. }), "{error}");
}

#[test]
fn what_is_no_metadata_is_refused() {
    let good = metadata::opaque(common::Runtime::DECLARATIONS, &common::test_version()).0;
    for len in 0..good.len() {
        assert!(Metadata::decode(&good[..len]).is_err(), "cut at {len}");
    }
    assert!(Metadata::decode(&[good.as_slice(), &[0]].concat()).is_err(), "left over");
    let mut v14 = good.clone();
    v14[4] = 14;
    assert!(Metadata::decode(&v14).is_err());
    let mut not_meta = good;
    not_meta[0] = b'M';
    assert_eq!(
        Metadata::decode(&not_meta).expect_err("magic"),
        LoadError::NotMetadata { message: "it does not begin with `meta`".into() }
    );
    assert_eq!(
        Metadata::decode(&vec![0; 5 << 20]).expect_err("size"),
        LoadError::TooLarge { bytes: 5 << 20, bytes_max: 4 << 20 }
    );
}

fn sequence(item: u32) -> TypeDef<PortableForm> {
    TypeDef::Sequence(TypeDefSequence { type_param: Id::from(item) })
}

/// An enum of variants without fields.
fn enumeration(names: impl IntoIterator<Item = String>) -> TypeDef<PortableForm> {
    let variants = names.into_iter().zip(0..=255).map(|(name, index)| scale_info::Variant {
        name,
        fields: vec![],
        index,
        docs: vec![],
    });
    TypeDef::Variant(scale_info::TypeDefVariant { variants: variants.collect() })
}

/// Names had no length: one variant of 100 kB made 400 MB of JSON out of an answer of 4 kB, and 256 variants of 15 kB
/// took 30 ms of a worker for every value that was looked up.
#[test]
fn long_names_are_refused() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let fits = "x".repeat(NAME_BYTES_MAX);
    let check = |metadata: Result<Metadata, LoadError>, what: &str| match metadata {
        Err(error @ LoadError::NameTooLong { bytes, bytes_max, .. }) => {
            assert_eq!((bytes, bytes_max), (NAME_BYTES_MAX + 1, NAME_BYTES_MAX), "{what}");
            let text = error.to_string();
            assert!(text.contains(what) && text.len() < 200, "{text}");
        }
        other => panic!("{what}: {other:?}"),
    };
    check(metadata_of(vec![enumeration([long.clone()])]), "a variant");
    check(metadata_of(vec![structure(&[(Some(&long), 0)])]), "a field");
    check(metadata_with(vec![tuple(&[])], &long, ["call".to_owned()]), "an API");
    check(metadata_with(vec![tuple(&[])], "Api", [long.clone()]), "a function");
    let types = vec![enumeration([fits.clone()]), structure(&[(Some(&fits), 0)])];
    exercise(&metadata_with(types, &fits, [fits.clone()]).expect("the longest names"));

    let segments = vec![fits; 9];
    let ty = Type { path: Path { segments }, type_params: vec![], type_def: tuple(&[]), docs: vec![] };
    let error = metadata_of_types(vec![ty], "Api", ["call".to_owned()]).expect_err("a long path");
    assert!(matches!(error, LoadError::NameTooLong { bytes_max: PATH_BYTES_MAX, .. }), "{error}");
}

/// 12,000 functions took half a second for every `system_metadata`: each was looked for among all.
#[test]
fn many_functions_and_fields_are_refused() {
    let functions = |count: usize| (0..count).map(|index| format!("f{index}"));
    let metadata = metadata_with(vec![tuple(&[])], "Api", functions(FUNCTIONS_MAX)).expect("the most functions");
    exercise(&metadata);
    assert_eq!(
        metadata_with(vec![tuple(&[])], "Api", functions(FUNCTIONS_MAX + 1)).expect_err("too many"),
        LoadError::TooManyFunctions { functions: FUNCTIONS_MAX + 1, functions_max: FUNCTIONS_MAX }
    );
    let fields = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("f{index}")).collect();
        let fields: Vec<_> = names.iter().map(|name| (Some(name.as_str()), 1)).collect();
        metadata_of(vec![structure(&fields), tuple(&[])])
    };
    // The function's parameter is one, too.
    exercise(&fields(MEMBERS_MAX - 1).expect("the most fields"));
    let too_many = LoadError::TooManyMembers { members_max: MEMBERS_MAX };
    assert_eq!(fields(MEMBERS_MAX).expect_err("too many"), too_many);
    assert_eq!(metadata_of(vec![tuple(&vec![0; MEMBERS_MAX + 1])]).expect_err("too many items"), too_many);
}

/// Few bytes of SCALE became any number of bytes of JSON: an answer of 16 MiB could be 2 GB of text, and empty structs
/// took memory without any bytes of theirs.
#[test]
fn json_of_answers_is_bounded() {
    let name = "x".repeat(NAME_BYTES_MAX);
    let list = |count: u32, item: &[u8]| [Compact(count).encode(), item.repeat(count as usize)].concat();

    let names = metadata_of(vec![sequence(1), enumeration([name.clone()])]).expect("well-formed");
    let call = names.resolve("call").expect("known");
    let entry_bytes = NAME_BYTES_MAX + "\"\",".len();
    let fits = (ANSWER_JSON_BYTES_MAX - 3) / entry_bytes;
    let Ok(Outcome::Value(value)) = names.decode_return(call, &list(fits as u32, &[0])) else { panic!("it fits") };
    let written = value.to_string().len();
    assert!((ANSWER_JSON_BYTES_MAX - entry_bytes..=ANSWER_JSON_BYTES_MAX).contains(&written), "{written}");
    drop(value);
    let too_large = Err(DecodeError::JsonTooLarge { bytes_max: ANSWER_JSON_BYTES_MAX });
    assert!(names.decode_return(call, &list(fits as u32 + 1, &[0])) == too_large);

    // Control characters take six bytes each.
    let texts = metadata_of(vec![TypeDef::Primitive(scale_info::TypeDefPrimitive::Str)]).expect("well-formed");
    let call = texts.resolve("call").expect("known");
    let text = |count: usize| "\0".repeat(count).encode();
    assert!(texts.decode_return(call, &text(ANSWER_JSON_BYTES_MAX / 6 + 1)) == too_large);
    assert!(texts.decode_return(call, &text(ANSWER_JSON_BYTES_MAX / 6 - 1)).is_ok());

    // Structs of one empty field: seven bytes of JSON and a few hundred of memory each.
    let structs = metadata_of(vec![sequence(1), structure(&[(Some("a"), 2), (Some("b"), 3)]), tuple(&[]), byte()])
        .expect("well-formed");
    let call = structs.resolve("call").expect("known");
    let too_large = Err(DecodeError::TreeTooLarge { bytes_max: ANSWER_TREE_BYTES_MAX });
    assert!(structs.decode_return(call, &list(2 << 20, &[0])) == too_large);
}

/// Every value of an enum folded the names of all variants, and every key of an object was compared with all fields.
#[test]
fn looking_up_names_does_not_take_their_product() {
    let names: Vec<String> = (0..256).map(|index| format!("{}{index}", "Variant".repeat(17))).collect();
    let metadata = metadata_of(vec![sequence(1), enumeration(names.clone())]).expect("well-formed");
    let call = metadata.resolve("call").expect("known");
    let other_case: Vec<String> = names.iter().map(|name| name.to_uppercase()).cycle().take(100_000).collect();
    let encoded = metadata.encode_arguments(call, &json!([other_case])).expect("any case is accepted");
    assert_eq!(encoded.get(4..8), Some(&[0, 1, 2, 3][..]));

    let names: Vec<String> = (0..MEMBERS_MAX - 2).map(|index| format!("field{index}")).collect();
    let mut fields: Vec<_> = names.iter().map(|name| (Some(name.as_str()), 1)).collect();
    fields.push((Some("last"), 1));
    let metadata = metadata_of(vec![structure(&fields), tuple(&[])]).expect("well-formed");
    let call = metadata.resolve("call").expect("known");
    // 16 thousand fields and 200 thousand keys: 3 thousand million comparisons if each were held against each.
    let mut keys: serde_json::Map<String, serde_json::Value> =
        names.iter().map(|name| (name.clone(), json!(null))).collect();
    keys.extend((0..200_000).map(|index| (format!("other{index}"), json!(null))));
    let error = metadata.encode_arguments(call, &json!([keys])).expect_err("unknown keys");
    assert!(matches!(&error, EncodeError::UnknownField { path, .. } if path == "value.other0"), "{error}");
}

fn byte() -> TypeDef<PortableForm> {
    TypeDef::Primitive(scale_info::TypeDefPrimitive::U8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damaged_metadata_is_refused_or_harmless(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = metadata::opaque(common::Runtime::DECLARATIONS, &common::test_version()).0;
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(metadata) = Metadata::decode(&bytes) {
            exercise(&metadata);
        }
    }
}
