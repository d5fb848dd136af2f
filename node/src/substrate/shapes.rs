//! Blocks and versions as their wire shapes.

use super::view::hex_of;
use crate::chain::{Block, Header};
use parity_scale_codec::Encode;
use realm_primitives::RuntimeVersion;
use realm_rpc::{DigestShape, HeaderShape, RuntimeEventShape, RuntimeSpecShape, VersionShape};

pub(super) fn header(header: &Header) -> HeaderShape {
    HeaderShape {
        parent_hash: header.parent_hash.to_string(),
        number: format!("{:#x}", header.number.0),
        state_root: header.state_root.to_string(),
        extrinsics_root: header.extrinsics_root.to_string(),
        digest: DigestShape { logs: header.digest.iter().map(|item| hex_of(&item.encode())).collect() },
    }
}

/// A header as `chainHead_v1_header` and `archive_v1_header` give it.
pub(super) fn header_hex(block: &Block) -> String {
    hex_of(&block.header.encode())
}

pub(super) fn version(version: &RuntimeVersion) -> VersionShape {
    VersionShape {
        spec_name: version.spec_name.clone(),
        impl_name: version.impl_name.clone(),
        authoring_version: version.authoring_version,
        spec_version: version.spec_version,
        impl_version: version.impl_version,
        apis: version.apis.iter().map(|(id, version)| (hex_of(id), *version)).collect(),
        transaction_version: version.transaction_version,
        state_version: version.state_version,
    }
}

pub(super) fn runtime_event(version: &RuntimeVersion) -> RuntimeEventShape {
    RuntimeEventShape::Valid {
        spec: RuntimeSpecShape {
            spec_name: version.spec_name.clone(),
            impl_name: version.impl_name.clone(),
            spec_version: version.spec_version,
            impl_version: version.impl_version,
            transaction_version: version.transaction_version,
            apis: version.apis.iter().map(|(id, version)| (hex_of(id), *version)).collect(),
        },
    }
}
