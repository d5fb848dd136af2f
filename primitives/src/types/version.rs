//! The runtime's version, in Substrate's SCALE layout so that stock clients read it.

use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use scale_info::TypeInfo;

/// Name and version of a runtime. `spec_version` must grow with every upgrade.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode, TypeInfo)]
pub struct RuntimeVersion {
    /// The runtime's name; an upgrade keeps it.
    pub spec_name: String,
    /// Name of this implementation.
    pub impl_name: String,
    /// Unused by Realm; kept for the layout.
    pub authoring_version: u32,
    /// Grows with every upgrade.
    pub spec_version: u32,
    /// Grows when the code changes and its behaviour does not.
    pub impl_version: u32,
    /// blake2b-64 of each API's name, and the API's version.
    pub apis: Vec<([u8; 8], u32)>,
    /// Unused by Realm; kept for the layout.
    pub transaction_version: u32,
    /// Unused by Realm; kept for the layout.
    pub state_version: u8,
}
