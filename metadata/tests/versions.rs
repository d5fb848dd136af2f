//! Metadata of version 16 says the same as of version 15, and older versions say too little.

mod common;

use std::collections::BTreeMap;

use frame_metadata::{META_RESERVED, RuntimeMetadata, RuntimeMetadataPrefixed, v14, v16};
use parity_scale_codec::{Compact, Encode};
use realm_metadata::{LoadError, Metadata, MetadataDiff};
use realm_primitives::{api::RuntimeApis, metadata};

/// The test runtime's metadata in version 16.
fn as_v16() -> RuntimeMetadata {
    let v15 = metadata::v15(common::Runtime::DECLARATIONS, &common::test_version());
    let not_deprecated = || v16::ItemDeprecationInfo::NotDeprecated;
    let apis = v15.apis.into_iter().map(|api| v16::RuntimeApiMetadata {
        name: api.name,
        methods: api
            .methods
            .into_iter()
            .map(|method| v16::RuntimeApiMethodMetadata {
                name: method.name,
                inputs: method
                    .inputs
                    .into_iter()
                    .map(|input| v16::FunctionParamMetadata { name: input.name, ty: input.ty })
                    .collect(),
                output: method.output,
                docs: method.docs,
                deprecation_info: not_deprecated(),
            })
            .collect(),
        docs: api.docs,
        version: Compact(1),
        deprecation_info: not_deprecated(),
    });
    RuntimeMetadata::V16(v16::RuntimeMetadataV16 {
        types: v15.types,
        pallets: vec![],
        extrinsic: v16::ExtrinsicMetadata {
            versions: vec![4],
            address_ty: v15.extrinsic.address_ty,
            call_ty: v15.extrinsic.call_ty,
            signature_ty: v15.extrinsic.signature_ty,
            transaction_extensions_by_version: BTreeMap::new(),
            transaction_extensions: vec![],
        },
        apis: apis.collect(),
        outer_enums: v16::OuterEnums {
            call_enum_ty: v15.outer_enums.call_enum_ty,
            event_enum_ty: v15.outer_enums.event_enum_ty,
            error_enum_ty: v15.outer_enums.error_enum_ty,
        },
        custom: v16::CustomMetadata { map: BTreeMap::new() },
    })
}

fn decode(metadata: RuntimeMetadata) -> Result<Metadata, LoadError> {
    Metadata::decode(&RuntimeMetadataPrefixed(META_RESERVED, metadata).encode())
}

#[test]
fn version_16_says_the_same() {
    let diff = MetadataDiff::between(&common::test_metadata(), &decode(as_v16()).expect("reads"));
    assert!(diff.functions.added.is_empty() && diff.functions.removed.is_empty());
    // The streams were left out above.
    let changed: Vec<&str> = diff.functions.changed.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(changed, ["TestApi_chat"]);
}

#[test]
fn version_14_has_no_functions_and_is_refused() {
    let v15 = metadata::v15(common::Runtime::DECLARATIONS, &common::test_version());
    let v14 = v14::RuntimeMetadataV14 {
        types: v15.types,
        pallets: vec![],
        extrinsic: v14::ExtrinsicMetadata { ty: v15.ty, version: 4, signed_extensions: vec![] },
        ty: v15.ty,
    };
    assert_eq!(decode(RuntimeMetadata::V14(v14)).expect_err("refused"), LoadError::Version { version: 14 });
}
