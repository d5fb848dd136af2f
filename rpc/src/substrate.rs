//! Shapes of the Substrate methods, as stock clients read them.

use serde::{Deserialize, Serialize};

/// The answer of `state_getRuntimeVersion`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionShape {
    /// The runtime's name.
    pub spec_name: String,
    /// The implementation's name.
    pub impl_name: String,
    /// Unused; always there.
    pub authoring_version: u32,
    /// Grows with every upgrade.
    pub spec_version: u32,
    /// Grows when code changes and behaviour does not.
    pub impl_version: u32,
    /// `0x` and 16 hex digits (blake2b-64 of the API's name), and the API's version.
    pub apis: Vec<(String, u32)>,
    /// Unused; always there.
    pub transaction_version: u32,
    /// Unused; always there.
    pub state_version: u8,
}

/// The answer of `system_health`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Other nodes connected: always 0, for nodes do not talk to each other.
    pub peers: usize,
    /// Whether the node is behind a network: never.
    pub is_syncing: bool,
    /// Whether there should be peers: never.
    pub should_have_peers: bool,
}

/// The answer of `rpc_methods`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MethodList {
    /// Every method, sorted.
    pub methods: Vec<String>,
}
