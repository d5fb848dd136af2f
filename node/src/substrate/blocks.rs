//! `chain_*` and `chainSpec_v1_*`.

use super::{
    heads, shapes,
    view::{View, bad_param},
};
use crate::{
    chain::{Block, BlockNumber},
    methods::ChainInfo,
};
use jsonrpsee::{
    PendingSubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
};
use realm_rpc::{BlockBodyShape, BlockShape, HeaderShape, RpcError, api::ChainServer};
use serde_json::{Map, Value};
use std::sync::Arc;

/// Heights that may be asked for at once.
const HEIGHTS_MAX: usize = 256;

pub(super) struct Blocks {
    pub view: View,
    pub info: ChainInfo,
}

impl Blocks {
    fn found(&self, hash: Option<Value>) -> Result<Option<Arc<Block>>, RpcError> {
        Ok(match self.view.named(hash.as_ref())? {
            None => Some(self.view.chain.head()),
            Some(hash) => self.view.chain.block(hash),
        })
    }

    fn hash_at(&self, number: &Value) -> Result<Value, RpcError> {
        let number = height(number).ok_or_else(|| bad_param("number", "expected a height, a number or hex"))?;
        let block = u32::try_from(number).ok().and_then(|number| self.view.chain.at(BlockNumber(number)));
        Ok(block.map_or(Value::Null, |block| Value::String(block.hash.to_string())))
    }
}

/// A number, or hex with `0x`.
fn height(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => u64::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
        _ => None,
    }
}

fn tell(block: &Block) -> Result<Option<HeaderShape>, RpcError> {
    Ok(Some(shapes::header(&block.header)))
}

#[async_trait]
impl ChainServer for Blocks {
    fn header(&self, hash: Option<Value>) -> RpcResult<Option<HeaderShape>> {
        Ok(self.found(hash)?.map(|block| shapes::header(&block.header)))
    }

    fn block(&self, hash: Option<Value>) -> RpcResult<Option<BlockShape>> {
        Ok(self.found(hash)?.map(|block| BlockShape {
            block: BlockBodyShape { header: shapes::header(&block.header), extrinsics: Vec::new() },
            justifications: Value::Null,
        }))
    }

    fn block_hash(&self, number: Option<Value>) -> RpcResult<Value> {
        match number {
            None | Some(Value::Null) => Ok(Value::String(self.view.chain.head().hash.to_string())),
            Some(Value::String(text)) if text.is_empty() => Ok(Value::String(self.view.chain.head().hash.to_string())),
            Some(Value::Array(numbers)) if numbers.len() > HEIGHTS_MAX => {
                Err(bad_param("number", &format!("at most {HEIGHTS_MAX} at once")).into())
            }
            Some(Value::Array(numbers)) => {
                let hashes: Result<Vec<Value>, RpcError> = numbers.iter().map(|number| self.hash_at(number)).collect();
                Ok(Value::Array(hashes?))
            }
            Some(number) => Ok(self.hash_at(&number)?),
        }
    }

    fn finalized_head(&self) -> RpcResult<String> {
        Ok(self.view.chain.head().hash.to_string())
    }

    async fn subscribe_new_heads(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        heads::serve(&self.view.chain, pending, tell).await
    }

    async fn subscribe_all_heads(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        heads::serve(&self.view.chain, pending, tell).await
    }

    async fn subscribe_finalized_heads(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        heads::serve(&self.view.chain, pending, tell).await
    }

    fn spec_name(&self) -> RpcResult<String> {
        Ok(self.info.name.clone())
    }

    fn spec_genesis_hash(&self) -> RpcResult<String> {
        Ok(self.view.chain.genesis().hash.to_string())
    }

    fn spec_properties(&self) -> RpcResult<Map<String, Value>> {
        Ok(self.info.properties.clone())
    }
}
