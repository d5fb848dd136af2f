//! realm-chain-spec
