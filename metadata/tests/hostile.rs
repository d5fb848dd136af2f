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
use parity_scale_codec::Encode;
use proptest::prelude::*;
use realm_metadata::{ApiInfo, DiscoveryHeader, EncodeError, LoadError, Metadata, MetadataDiff, discovery, openrpc};
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
    let types = types.into_iter().enumerate().map(|(id, type_def)| PortableType {
        id: id as u32,
        ty: Type { path: Path { segments: vec![] }, type_params: vec![], type_def, docs: vec![] },
    });
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
