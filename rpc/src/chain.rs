//! Shapes of blocks and of following them, as stock clients read them.

use crate::SharedText;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderShape {
    /// Hash of the block before.
    pub parent_hash: String,
    /// Height, hex without leading zeroes.
    pub number: String,
    /// Commits to the runtimes in force.
    pub state_root: String,
    /// Commits to what happened.
    pub extrinsics_root: String,
    /// `0x08` in `logs` if a runtime changed.
    pub digest: DigestShape,
}

/// A header's digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DigestShape {
    /// SCALE hex of each entry.
    pub logs: Vec<String>,
}

/// The answer of `chain_getBlock`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BlockShape {
    /// The block.
    pub block: BlockBodyShape,
    /// Always null.
    pub justifications: Value,
}

/// A block.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BlockBodyShape {
    /// Its header.
    pub header: HeaderShape,
    /// Always empty.
    pub extrinsics: Vec<String>,
}

/// A runtime, in the events of `chainHead_v1_follow`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum RuntimeEventShape {
    /// It can be called.
    Valid {
        /// What it is.
        spec: RuntimeSpecShape,
    },
    /// It cannot: the reason.
    Invalid {
        /// Why.
        error: String,
    },
}

/// A runtime's version, in the events of `chainHead_v1_follow`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeSpecShape {
    /// The runtime's name.
    pub spec_name: String,
    /// The implementation's name.
    pub impl_name: String,
    /// Grows with every upgrade.
    pub spec_version: u32,
    /// Grows when code changes and behaviour does not.
    pub impl_version: u32,
    /// Unused; always there.
    pub transaction_version: u32,
    /// `0x` and 16 hex digits (blake2b-64 of the API's name), to the API's version.
    pub apis: BTreeMap<String, u32>,
}

/// One event of `chainHead_v1_follow`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FollowEventShape {
    /// The beginning.
    Initialized {
        /// The newest block.
        finalized_block_hashes: Vec<String>,
        /// Its runtime, if it was asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        finalized_block_runtime: Option<RuntimeEventShape>,
    },
    /// A block was appended.
    NewBlock {
        /// It.
        block_hash: String,
        /// The one before it.
        parent_block_hash: String,
        /// Its runtime, if it was asked for and is another than the parent's.
        new_runtime: Option<RuntimeEventShape>,
    },
    /// Another block is the newest.
    BestBlockChanged {
        /// It.
        best_block_hash: String,
    },
    /// Blocks became final.
    Finalized {
        /// They.
        finalized_block_hashes: Vec<String>,
        /// Always empty: there are no forks.
        pruned_block_hashes: Vec<String>,
    },
    /// A block's body.
    OperationBodyDone {
        /// The operation.
        operation_id: String,
        /// Always empty.
        value: Vec<String>,
    },
    /// A call's answer.
    OperationCallDone {
        /// The operation.
        operation_id: String,
        /// SCALE hex.
        output: String,
    },
    /// Values of storage.
    OperationStorageItems {
        /// The operation.
        operation_id: String,
        /// They.
        items: Vec<StorageItemShape>,
    },
    /// No more values of storage.
    OperationStorageDone {
        /// The operation.
        operation_id: String,
    },
    /// The block's state is not there.
    OperationInaccessible {
        /// The operation.
        operation_id: String,
    },
    /// The operation failed.
    OperationError {
        /// The operation.
        operation_id: String,
        /// Why.
        error: String,
    },
    /// The follower is told nothing more; it held too much or read too slowly.
    Stop,
}

/// A value of storage, or its hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StorageItemShape {
    /// The key, hex.
    pub key: String,
    /// The value, hex, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<SharedText>,
    /// blake2-256 of the value, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// Whether an operation has begun.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum OperationStarted {
    /// It has.
    Started {
        /// Its id.
        operation_id: String,
        /// Of a storage operation: items that were left out; none ever are.
        #[serde(skip_serializing_if = "Option::is_none")]
        discarded_items: Option<u32>,
    },
    /// It has not: too many are under way.
    LimitReached,
}

/// The answer of `archive_v1_call`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ArchiveCallShape {
    /// The function answered.
    Success {
        /// Always true.
        success: bool,
        /// SCALE hex.
        value: String,
    },
    /// It did not.
    Failure {
        /// Always false.
        success: bool,
        /// Why.
        error: String,
    },
}

/// Values at a block, in `state_queryStorageAt`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StorageChangesShape {
    /// The block's hash.
    pub block: String,
    /// Each key with its value, hex, or null.
    pub changes: Vec<(String, Option<SharedText>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: impl Serialize, expected: &str) {
        assert_eq!(serde_json::to_string(&shape).unwrap(), expected);
    }

    #[test]
    fn events_are_as_the_specification_of_the_methods_has_them() {
        check(
            FollowEventShape::NewBlock {
                block_hash: "0x01".into(),
                parent_block_hash: "0x00".into(),
                new_runtime: None,
            },
            r#"{"event":"newBlock","blockHash":"0x01","parentBlockHash":"0x00","newRuntime":null}"#,
        );
        check(
            FollowEventShape::Initialized {
                finalized_block_hashes: vec!["0x01".into()],
                finalized_block_runtime: None,
            },
            r#"{"event":"initialized","finalizedBlockHashes":["0x01"]}"#,
        );
        check(FollowEventShape::Stop, r#"{"event":"stop"}"#);
        check(
            OperationStarted::Started { operation_id: "0".into(), discarded_items: None },
            r#"{"result":"started","operationId":"0"}"#,
        );
        check(OperationStarted::LimitReached, r#"{"result":"limitReached"}"#);
        let spec = RuntimeSpecShape {
            spec_name: "a".into(),
            impl_name: "b".into(),
            spec_version: 1,
            impl_version: 2,
            transaction_version: 3,
            apis: BTreeMap::from([("0x00".into(), 1)]),
        };
        check(
            RuntimeEventShape::Valid { spec },
            r#"{"type":"valid","spec":{"specName":"a","implName":"b","specVersion":1,"implVersion":2,"transactionVersion":3,"apis":{"0x00":1}}}"#,
        );
    }
}
