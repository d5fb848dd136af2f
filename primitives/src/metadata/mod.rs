//! Metadata in the guest: a runtime describes itself in Substrate's V15 format, out of nothing but
//! the declarations of its APIs. The node and every stock client learn the types from it.
//!
//! ```text
//!   declarations ──┐
//!   stream items ──┼─► RuntimeMetadataV15 ─► "meta" 0x0f .. ─► OpaqueMetadata
//!   stock types  ──┘   (types registry, apis, System pallet, custom map)
//! ```

mod build;
mod opaque;
mod stock;

use crate::{api::ApiDeclaration, types::RuntimeVersion};

pub use build::v15;
pub use opaque::OpaqueMetadata;

/// What the keys of stream items in V15's `custom` map begin with. The export's name follows:
/// `stream:RealmApi_stream_generate`.
pub const STREAM_KEY_PREFIX: &str = "stream:";

/// The metadata versions that a runtime offers.
pub const VERSIONS: [u32; 1] = [15];

/// The metadata of a runtime with these APIs and this version, in the newest version offered.
///
/// Never an older one: with V14, which knows no runtime APIs, stock clients lose all functions.
pub fn opaque(apis: &[ApiDeclaration], version: &RuntimeVersion) -> OpaqueMetadata {
    OpaqueMetadata::encode(v15(apis, version))
}

/// The metadata of a runtime with these APIs in one version of the format; `None` if that is not in
/// [`VERSIONS`].
pub fn opaque_at_version(
    apis: &[ApiDeclaration],
    version: &RuntimeVersion,
    metadata_version: u32,
) -> Option<OpaqueMetadata> {
    VERSIONS.contains(&metadata_version).then(|| opaque(apis, version))
}
