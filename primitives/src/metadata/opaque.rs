//! Encoded metadata, as it crosses the sandbox's wall and the network.

use alloc::vec::Vec;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed, v15::RuntimeMetadataV15};
use parity_scale_codec::{Decode, Encode};
use scale_info::{Path, Type, TypeInfo, build::Fields};

/// The bytes of prefixed metadata: `meta`, the version, the SCALE encoding. A struct around the
/// bytes, because clients want no bare `Vec<u8>` as a result.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct OpaqueMetadata(pub Vec<u8>);

impl OpaqueMetadata {
    pub(super) fn encode(metadata: RuntimeMetadataV15) -> Self {
        Self(RuntimeMetadataPrefixed(frame_metadata::META_RESERVED, RuntimeMetadata::V15(metadata)).encode())
    }
}

/// By hand, for the path by which Substrate's clients know the type.
impl TypeInfo for OpaqueMetadata {
    type Identity = Self;

    fn type_info() -> Type {
        Type::builder()
            .path(Path::new("OpaqueMetadata", "sp_core"))
            .composite(Fields::unnamed().field(|field| field.ty::<Vec<u8>>()))
    }
}
