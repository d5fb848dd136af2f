//! The APIs that every blob has, with the names and meanings they have in Substrate, so that stock
//! clients find them.

use crate::{
    metadata::OpaqueMetadata,
    types::{RuntimeError, RuntimeVersion},
};
use alloc::vec::Vec;

crate::decl_runtime_apis! {
    /// What the node needs to know of every runtime.
    // Clients decode RuntimeVersion by this number: from 4 on it ends with the state version.
    #[api_version(4)]
    pub trait Core {
        /// The runtime's version and the APIs that it implements.
        fn version() -> RuntimeVersion;
        /// Brings the tenant's storage from what the runtime of an earlier version left to what this
        /// one expects. Called once per tenant at an upgrade, inside a transaction.
        fn migrate(from_spec_version: u32) -> Result<(), RuntimeError>;
    }

    /// Describes the runtime to clients.
    // Clients ask for `metadata_at_version` only from version 2 on.
    #[api_version(2)]
    pub trait Metadata {
        /// The metadata in the newest version offered.
        fn metadata() -> OpaqueMetadata;
        /// The metadata in a version, if it is offered.
        fn metadata_at_version(version: u32) -> Option<OpaqueMetadata>;
        /// The metadata versions offered.
        fn metadata_versions() -> Vec<u32>;
    }
}
