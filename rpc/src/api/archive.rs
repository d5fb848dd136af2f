//! Substrate's `archive_v1_*`: the kept blocks, without following them.

use crate::ArchiveCallShape;
use jsonrpsee::{core::RpcResult, proc_macros::rpc};

/// Kept blocks.
#[rpc(server)]
pub trait Archive {
    /// The hash of the first block.
    #[method(name = "archive_v1_genesisHash")]
    fn archive_genesis_hash(&self) -> RpcResult<String>;

    /// The height of the newest block.
    #[method(name = "archive_v1_finalizedHeight")]
    fn archive_finalized_height(&self) -> RpcResult<u32>;

    /// The hashes at a height: one, or none if the block is not kept.
    #[method(name = "archive_v1_hashByHeight")]
    fn archive_hash_by_height(&self, height: u32) -> RpcResult<Vec<String>>;

    /// A block's header, SCALE hex, or null.
    #[method(name = "archive_v1_header")]
    fn archive_header(&self, hash: String) -> RpcResult<Option<String>>;

    /// A block's extrinsics, of which there are none, or null.
    #[method(name = "archive_v1_body")]
    fn archive_body(&self, hash: String) -> RpcResult<Option<Vec<String>>>;

    /// Calls a runtime function with hex SCALE arguments; null if the block is not kept.
    #[method(name = "archive_v1_call", with_extensions)]
    async fn archive_call(
        &self,
        hash: String,
        function: String,
        arguments: String,
    ) -> RpcResult<Option<ArchiveCallShape>>;
}
