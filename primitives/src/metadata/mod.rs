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

use crate::api::ApiDeclaration;

pub use build::v15;
pub use opaque::OpaqueMetadata;

/// What the keys of stream items in V15's `custom` map begin with. The export's name follows:
/// `stream:RealmApi_stream_generate`.
pub const STREAM_KEY_PREFIX: &str = "stream:";

/// The metadata versions that a runtime offers.
pub const VERSIONS: [u32; 1] = [15];

/// The metadata of a runtime with these APIs, in the newest version offered.
///
/// Never an older one: with V14, which knows no runtime APIs, stock clients lose all functions.
pub fn opaque(apis: &[ApiDeclaration]) -> OpaqueMetadata {
    OpaqueMetadata::encode(v15(apis))
}

/// The metadata of a runtime with these APIs in `version`; `None` if it is not in [`VERSIONS`].
pub fn opaque_at_version(apis: &[ApiDeclaration], version: u32) -> Option<OpaqueMetadata> {
    VERSIONS.contains(&version).then(|| opaque(apis))
}
