//! What a block means to whoever asks: which runtime was in force, and what a call there is.
//!
//! There is no state of the past. A call at an old block runs on the runtime in force, if that still
//! has the function as the old one had it; what only describes the old runtime is answered from what
//! was kept of it; anything else is refused with `RUNTIME_CHANGED` and not executed.

use super::Queries;
use crate::{
    auth::unauthenticated,
    chain::{Block, BlockHash, Chain, CodeFacts, CodeHash},
    connection::Connection,
    dispatcher::Dispatcher,
    runtimes::LoadedRuntime,
    tenants::Tenant,
};
use parity_scale_codec::{DecodeAll, Encode};
use realm_metadata::{Metadata, MetadataDiff};
use realm_primitives::{H256, RuntimeVersion, metadata::OpaqueMetadata};
use realm_rpc::{ErrorCode, RpcError};
use serde_json::Value;
use std::sync::Arc;

/// The metadata version that is kept of old runtimes.
const METADATA_VERSION: u32 = 15;

/// The chain as a connection sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct View {
    /// Calls functions.
    pub dispatcher: Arc<Dispatcher>,
    /// The blocks.
    pub chain: Chain,
    /// Answers storage queries.
    pub queries: Arc<Queries>,
}

/// The runtime of a block.
pub enum RuntimeAt {
    /// It is in force.
    InForce(Arc<LoadedRuntime>),
    /// It is not, and this was kept of it.
    Past(CodeFacts),
}

impl RuntimeAt {
    /// Its version.
    pub fn version(&self) -> &RuntimeVersion {
        match self {
            RuntimeAt::InForce(runtime) => runtime.version(),
            RuntimeAt::Past(facts) => &facts.version,
        }
    }

    /// What describes it.
    fn into_facts(self) -> CodeFacts {
        match self {
            RuntimeAt::InForce(runtime) => {
                CodeFacts { version: runtime.version().clone(), metadata: runtime.metadata_bytes.clone() }
            }
            RuntimeAt::Past(facts) => facts,
        }
    }

    /// Its metadata, as clients get it.
    pub fn metadata_bytes(&self) -> &[u8] {
        match self {
            RuntimeAt::InForce(runtime) => &runtime.metadata_bytes,
            RuntimeAt::Past(facts) => &facts.metadata,
        }
    }
}

impl View {
    /// The tenant as whose chain a connection sees it.
    pub fn tenant(&self, connection: &Connection) -> Arc<Tenant> {
        self.dispatcher.tenants.seen_by(connection)
    }

    /// The most bytes of JSON that a description of the runtime comes to which the connection sees.
    pub fn description_bytes(&self, connection: &Connection) -> u64 {
        /// A version, lengths, and the JSON around them.
        const BESIDE_METADATA: u64 = 4 << 10;
        self.tenant(connection).runtime.current().metadata_bytes.len() as u64 * 2 + BESIDE_METADATA
    }

    /// The block that a parameter names: the newest, if it is absent, null or empty.
    ///
    /// # Errors
    /// `INVALID_PARAMS`, `UNKNOWN_BLOCK`.
    pub fn block(&self, at: Option<&Value>) -> Result<Arc<Block>, RpcError> {
        match self.named(at)? {
            None => Ok(self.chain.head()),
            Some(hash) => self.chain.block(hash).ok_or_else(|| unknown_block(hash)),
        }
    }

    /// The hash that a parameter names; `None` if it is absent, null or empty.
    ///
    /// # Errors
    /// `INVALID_PARAMS`.
    pub fn named(&self, at: Option<&Value>) -> Result<Option<BlockHash>, RpcError> {
        match at {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => block_hash(text).map(Some).ok_or_else(bad_hash),
            Some(_) => Err(bad_hash()),
        }
    }

    /// The runtime that a tenant had at a block.
    ///
    /// # Errors
    /// `UNKNOWN_BLOCK`: what is known of the runtime is kept no more. `INTERNAL`: the database fails.
    pub fn runtime_at(&self, tenant: &Tenant, block: &Block) -> Result<RuntimeAt, RpcError> {
        let code = block.in_force.of_tenant(tenant.id.as_str());
        let current = tenant.runtime.current();
        if code.hash == CodeHash(current.code.hash) {
            return Ok(RuntimeAt::InForce(current));
        }
        match self.chain.storage().facts(code.hash) {
            Ok(Some(facts)) => Ok(RuntimeAt::Past(facts)),
            Ok(None) => Err(RpcError::new(
                ErrorCode::UnknownBlock,
                format!("the description of the runtime of block {} is kept no more", block.hash),
            )),
            Err(error) => Err(internal(&error)),
        }
    }

    /// The runtime that the connection's tenant has at the block that a parameter names; now, if none is.
    ///
    /// # Errors
    /// `INVALID_PARAMS`, `UNKNOWN_BLOCK`.
    pub fn runtime(&self, connection: &Connection, at: Option<&Value>) -> Result<RuntimeAt, RpcError> {
        let tenant = self.tenant(connection);
        match self.named(at)? {
            None => Ok(RuntimeAt::InForce(tenant.runtime.current())),
            Some(hash) => {
                let block = self.chain.block(hash).ok_or_else(|| unknown_block(hash))?;
                self.runtime_at(&tenant, &block)
            }
        }
    }

    /// Calls an export with hex SCALE arguments at a block; now, without one. The answer as hex.
    ///
    /// # Errors
    /// As any call, and `RUNTIME_CHANGED`.
    pub async fn call(
        &self,
        connection: &Arc<Connection>,
        block: Option<&Block>,
        function: &str,
        arguments: &str,
    ) -> Result<String, RpcError> {
        let tenant = self.tenant(connection);
        if connection.identity().is_stranger() {
            // What describes the runtime is told without running it.
            let facts = match block {
                Some(block) => self.runtime_at(&tenant, block)?,
                None => RuntimeAt::InForce(tenant.runtime.current()),
            }
            .into_facts();
            let answer = described(&facts, function, arguments)?.ok_or_else(unauthenticated)?;
            return Ok(hex_of(&answer));
        }
        if let Some(block) = block {
            if let RuntimeAt::Past(facts) = self.runtime_at(&tenant, block)? {
                if let Some(answer) = described(&facts, function, arguments)? {
                    return Ok(hex_of(&answer));
                }
                check_unchanged(&facts, &tenant.runtime.current(), function)?;
            }
        }
        let call = self.dispatcher.prepare_raw(connection, function, arguments.to_owned()).await?;
        match self.dispatcher.run(call, None).await? {
            Value::String(hex) => Ok(hex),
            // A raw call is answered with hex, whatever the function.
            _ => Err(internal(&"a raw call gave no raw answer")),
        }
    }
}

/// What a runtime answers about itself.
fn described(facts: &CodeFacts, function: &str, arguments: &str) -> Result<Option<Vec<u8>>, RpcError> {
    let metadata = || OpaqueMetadata(facts.metadata.clone());
    Ok(Some(match function {
        "Core_version" => facts.version.encode(),
        "Metadata_metadata" => metadata().encode(),
        "Metadata_metadata_versions" => vec![METADATA_VERSION].encode(),
        "Metadata_metadata_at_version" => {
            let bytes = bytes_of(arguments).ok_or_else(|| bad_param("data", "expected hex digits, two per byte"))?;
            let version = u32::decode_all(&mut &bytes[..]).map_err(|_| bad_param("data", "expected a u32"))?;
            (version == METADATA_VERSION).then(metadata).encode()
        }
        _ => return Ok(None),
    }))
}

/// Whether a call that was encoded for an old runtime means the same to the one in force.
fn check_unchanged(old: &CodeFacts, current: &LoadedRuntime, function: &str) -> Result<(), RpcError> {
    let old = Metadata::decode(&old.metadata).map_err(|error| internal(&error))?;
    let diff = MetadataDiff::between(&old, &current.metadata);
    let changed = diff.functions.removed.iter().chain(diff.functions.changed.iter().map(|change| &change.name));
    let types_stand = diff.types.removed.is_empty() && diff.types.changed.is_empty();
    if types_stand && !changed.into_iter().any(|name| name == function) {
        return Ok(());
    }
    let version = current.version();
    let message = format!("the block's runtime was replaced by {} version {}", version.spec_name, version.spec_version);
    Err(RpcError::new(ErrorCode::RuntimeChanged, message)
        .with("metadata_hash", current.metadata.hash().to_string())
        .with("spec_name", version.spec_name.as_str())
        .with("spec_version", version.spec_version))
}

/// Bytes as `0x` and hex digits.
pub(super) fn hex_of(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Bytes of hex digits, with or without `0x`.
pub(super) fn bytes_of(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok()
}

/// A block's hash in hex, with or without `0x`.
pub(super) fn block_hash(text: &str) -> Option<BlockHash> {
    let bytes = <[u8; 32]>::try_from(bytes_of(text)?).ok()?;
    Some(BlockHash(H256(bytes)))
}

pub(super) fn bad_param(field: &str, message: &str) -> RpcError {
    RpcError::new(ErrorCode::InvalidParams, format!("{field}: {message}")).with("field", field)
}

pub(super) fn unknown_block(hash: BlockHash) -> RpcError {
    RpcError::new(ErrorCode::UnknownBlock, format!("block {hash} is unknown, or kept no more"))
}

/// Details go to the log and not to strangers.
pub(super) fn internal(error: &dyn std::fmt::Display) -> RpcError {
    tracing::error!(%error, "a method of the chain failed inside the node");
    RpcError::internal()
}

fn bad_hash() -> RpcError {
    bad_param("at", "expected a block's hash, 64 hex digits")
}
