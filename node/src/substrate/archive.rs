//! `archive_v1_*`.

use super::{
    shapes,
    view::{View, bad_param, block_hash},
};
use crate::{
    chain::{Block, BlockNumber},
    methods::connection,
};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{ArchiveCallShape, RpcError, api::ArchiveServer};
use std::sync::Arc;

pub(super) struct Archive {
    pub view: View,
}

impl Archive {
    fn block(&self, hash: &str) -> Result<Option<Arc<Block>>, RpcError> {
        let hash = block_hash(hash).ok_or_else(|| bad_param("hash", "expected a block's hash, 64 hex digits"))?;
        Ok(self.view.chain.block(hash))
    }
}

#[async_trait]
impl ArchiveServer for Archive {
    fn archive_genesis_hash(&self) -> RpcResult<String> {
        Ok(self.view.chain.genesis().hash.to_string())
    }

    fn archive_finalized_height(&self) -> RpcResult<u32> {
        Ok(self.view.chain.head().number().0)
    }

    fn archive_hash_by_height(&self, height: u32) -> RpcResult<Vec<String>> {
        Ok(self.view.chain.at(BlockNumber(height)).map(|block| block.hash.to_string()).into_iter().collect())
    }

    fn archive_header(&self, hash: String) -> RpcResult<Option<String>> {
        Ok(self.block(&hash)?.map(|block| shapes::header_hex(&block)))
    }

    fn archive_body(&self, hash: String) -> RpcResult<Option<Vec<String>>> {
        Ok(self.block(&hash)?.map(|_| Vec::new()))
    }

    async fn archive_call(
        &self,
        extensions: &Extensions,
        hash: String,
        function: String,
        arguments: String,
    ) -> RpcResult<Option<ArchiveCallShape>> {
        let Some(block) = self.block(&hash)? else { return Ok(None) };
        let answer = self.view.call(connection(extensions)?, Some(&block), &function, &arguments).await;
        Ok(Some(match answer {
            Ok(value) => ArchiveCallShape::Success { success: true, value },
            Err(error) => ArchiveCallShape::Failure { success: false, error: error.to_string() },
        }))
    }
}
