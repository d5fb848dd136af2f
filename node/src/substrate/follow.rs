//! `chainHead_v1_*`.
//!
//! ```text
//!   blocks ──► Follow (holds, limits) ──► events ─┐
//!                                                 ├─► subscription
//!   operation: answer "started" ──► work ──► event┘
//! ```
//!
//! An operation's first event is never sent before its "started": clients would not know its id.

use super::{
    followers::{Follower, Followers},
    heads::{self, Notice},
    queries::{Ask, At, Want},
    shapes,
    view::{View, block_hash, bytes_of},
};
use crate::{
    chain::{Block, BlockHash, FollowEvent, FollowLimits, OperationId},
    connection::Connection,
    methods::connection,
    tenants::Tenant,
};
use jsonrpsee::{
    ConnectionId, Extensions, PendingSubscriptionSink, ResponsePayload, SubscriptionSink,
    core::{RpcResult, SubscriptionResult, async_trait},
    types::ErrorObjectOwned,
};
use realm_rpc::{
    FollowEventShape, OperationStarted, RpcError, RuntimeEventShape, SharedText, StorageItemShape, api::ChainHeadServer,
};
use serde_json::Value;
use std::{future::Future, sync::Arc};
use tokio::sync::mpsc;

/// Error numbers that the specification of these methods gives.
mod code {
    pub(super) const TOO_MANY_FOLLOWERS: i32 = -32800;
    pub(super) const INVALID_BLOCK: i32 = -32801;
    pub(super) const DUPLICATE_HASHES: i32 = -32804;
    pub(super) const INVALID_PARAMS: i32 = -32602;
}

/// Blocks that may be unpinned at once, and items of storage that may be asked for at once.
const LIST_LEN_MAX: usize = 1024;

pub(super) struct ChainHead {
    view: View,
    followers: Followers,
}

type Started = ResponsePayload<'static, OperationStarted>;

impl ChainHead {
    pub(super) fn new(view: View, limits: FollowLimits) -> Self {
        Self { view, followers: Followers::new(limits) }
    }

    fn follower(&self, extensions: &Extensions, follow: &str) -> Option<Arc<Follower>> {
        self.followers.find(*extensions.get::<ConnectionId>()?, follow)
    }

    /// Begins an operation at a held block; `work` gives its events.
    fn begin<W, F>(&self, extensions: &Extensions, follow: &str, hash: &str, work: W) -> Started
    where
        W: FnOnce(OperationId, Arc<Block>) -> F,
        F: Future<Output = Result<Vec<Notice>, RpcError>> + Send + 'static,
    {
        // One that is unknown has been stopped: its client will see that.
        let Some(follower) = self.follower(extensions, follow) else {
            return Started::success(OperationStarted::LimitReached);
        };
        let Some(block) = held(&follower, hash).and_then(|hash| self.view.chain.block(hash)) else {
            return Started::error(invalid_block());
        };
        let Some((id, stopped)) = follower.begin_operation() else {
            return Started::success(OperationStarted::LimitReached);
        };
        let started = OperationStarted::Started { operation_id: id.to_string(), discarded_items: None };
        let (started, sent) = Started::success(started).notify_on_completion();
        let work = work(id, block);
        tokio::spawn(async move {
            let work = async {
                // Not sent means that the connection is gone, and with it the follower.
                if sent.await.is_ok() { work.await.ok() } else { None }
            };
            let events = tokio::select! {
                () = stopped.cancelled() => None,
                events = work => events,
            };
            follower.finish_operation(id, events.unwrap_or_default()).await;
        });
        started
    }
}

/// The hash, if it is one and the follower holds its block.
fn held(follower: &Follower, hash: &str) -> Option<BlockHash> {
    block_hash(hash).filter(|hash| follower.holds(*hash))
}

fn operation_error(id: OperationId, error: &RpcError) -> Result<Vec<Notice>, RpcError> {
    let (operation_id, error) = (id.to_string(), error.to_string());
    Ok(vec![Notice::of(&FollowEventShape::OperationError { operation_id, error })?])
}

fn invalid_block() -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code::INVALID_BLOCK, "the block is not pinned by this follower", None::<()>)
}

fn invalid(message: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code::INVALID_PARAMS, message, None::<()>)
}

#[async_trait]
impl ChainHeadServer for ChainHead {
    async fn follow(
        &self,
        pending: PendingSubscriptionSink,
        extensions: &Extensions,
        with_runtime: bool,
    ) -> SubscriptionResult {
        let id = match serde_json::to_value(pending.subscription_id()) {
            Ok(Value::String(id)) => id,
            Ok(other) => other.to_string(),
            Err(error) => return Err(error.into()),
        };
        let Some(mut place) = self.followers.reserve(pending.connection_id(), id) else {
            let error =
                ErrorObjectOwned::owned(code::TOO_MANY_FOLLOWERS, "too many followers on this connection", None::<()>);
            pending.reject(error).await;
            return Ok(());
        };
        let tenant = self.view.tenant(connection(extensions)?);
        let mut blocks = heads::Blocks::listen(&self.view.chain);
        let Some(newest) = blocks.after(None).await else { return Ok(()) };
        // Before the client knows the id, so that its first question finds the follower.
        let (follower, inbox) = place.begin(newest.hash);
        let sink = pending.accept().await?;
        let telling = Telling { view: &self.view, tenant, with_runtime, follower, sink };
        telling.tell(newest, blocks, inbox).await
    }

    async fn header(&self, extensions: &Extensions, follow: String, hash: String) -> RpcResult<Option<String>> {
        let Some(follower) = self.follower(extensions, &follow) else { return Ok(None) };
        let hash = held(&follower, &hash).ok_or_else(invalid_block)?;
        Ok(self.view.chain.block(hash).map(|block| shapes::header_hex(&block)))
    }

    async fn body(&self, extensions: &Extensions, follow: String, hash: String) -> Started {
        self.begin(extensions, &follow, &hash, |id, _| async move {
            Ok(vec![Notice::of(&FollowEventShape::OperationBodyDone {
                operation_id: id.to_string(),
                value: Vec::new(),
            })?])
        })
    }

    async fn call(
        &self,
        extensions: &Extensions,
        follow: String,
        hash: String,
        function: String,
        arguments: String,
    ) -> Started {
        let connection: Arc<Connection> = match connection(extensions) {
            Ok(connection) => connection.clone(),
            Err(error) => return Started::error(error),
        };
        let view = self.view.clone();
        self.begin(extensions, &follow, &hash, move |id, block| async move {
            let operation_id = id.to_string();
            let traffic = &connection.slot().traffic;
            // An anonymous client gets no more than a description of the runtime: it waits for room before that is built.
            let reserved = match connection.identity().is_stranger() {
                true => Some(traffic.room(view.description_bytes(&connection)).await),
                false => None,
            };
            match view.call(&connection, Some(&block), &function, &arguments).await {
                Ok(output) => {
                    let room = match reserved {
                        Some(room) => room,
                        None => traffic.room(output.len() as u64).await,
                    };
                    let done = Notice::of(&FollowEventShape::OperationCallDone { operation_id, output })?;
                    Ok(vec![Notice { room: Some(room), ..done }])
                }
                Err(error) => operation_error(id, &error),
            }
        })
    }

    async fn storage(
        &self,
        extensions: &Extensions,
        follow: String,
        hash: String,
        items: Vec<Value>,
        child_trie: Option<String>,
    ) -> Started {
        if items.len() > LIST_LEN_MAX {
            return Started::error(invalid("too many items at once"));
        }
        // There are no tries.
        let items = if child_trie.is_some() { Vec::new() } else { items };
        let Some(items) = items.iter().map(read_item).collect::<Option<Vec<_>>>() else {
            return Started::error(invalid("items: expected a list of {key, type}"));
        };
        let view = self.view.clone();
        let connection = match connection(extensions) {
            Ok(connection) => connection.clone(),
            Err(error) => return Started::error(error),
        };
        let tenant = view.tenant(&connection);
        self.begin(extensions, &follow, &hash, move |id, block| async move {
            match look_up(At { view, connection, tenant, block }, items, id).await {
                Ok(notices) => Ok(notices),
                Err(error) => operation_error(id, &error),
            }
        })
    }

    async fn unpin(&self, extensions: &Extensions, follow: String, hashes: Value) -> RpcResult<()> {
        let Some(follower) = self.follower(extensions, &follow) else { return Ok(()) };
        let hashes = match hashes {
            Value::Array(hashes) if hashes.len() <= LIST_LEN_MAX => hashes,
            Value::Array(_) => return Err(invalid("too many hashes at once")),
            one => vec![one],
        };
        let hashes = hashes.iter().map(|hash| hash.as_str().and_then(block_hash)).collect::<Option<Vec<_>>>();
        let hashes = hashes.ok_or_else(invalid_block)?;
        follower.unpin(&hashes).map_err(|error| match error {
            crate::chain::UnpinError::NotPinned(_) => invalid_block(),
            crate::chain::UnpinError::Twice(_) => {
                ErrorObjectOwned::owned(code::DUPLICATE_HASHES, error.to_string(), None::<()>)
            }
        })
    }

    async fn continue_operation(&self, _extensions: &Extensions, _follow: String, _operation: String) -> RpcResult<()> {
        Ok(())
    }

    async fn stop_operation(&self, extensions: &Extensions, follow: String, operation: String) -> RpcResult<()> {
        if let (Some(follower), Ok(id)) = (self.follower(extensions, &follow), operation.parse()) {
            follower.stop_operation(OperationId(id));
        }
        Ok(())
    }
}

/// What a client asks of a key. Nothing here has descendants, and there is no trie.
fn read_item(item: &Value) -> Option<Ask> {
    let key = item.get("key")?.as_str()?.to_owned();
    let want = match item.get("type")?.as_str()? {
        "value" => Want::Value,
        "hash" => Want::Hash,
        _ => Want::Nothing,
    };
    Some(Ask { bytes: bytes_of(&key)?, key, want })
}

/// Answers a storage query: waits for room on the connection before it builds what may be large.
async fn look_up(at: At, asks: Vec<Ask>, id: OperationId) -> Result<Vec<Notice>, RpcError> {
    let operation_id = id.to_string();
    let done = FollowEventShape::OperationStorageDone { operation_id: operation_id.clone() };
    if asks.is_empty() {
        return Ok(vec![Notice::of(&done)?]);
    }
    let (queries, traffic) = (at.view.queries.clone(), at.connection.slot().traffic.clone());
    let query = queries.sized(at, asks).await?;
    let room = traffic.room(query.bytes).await;
    let build = move |values: Vec<(String, Want, Option<SharedText>)>| {
        let item = |(key, want, text): (String, Want, Option<SharedText>)| {
            let text = text?;
            Some(match want {
                Want::Hash => StorageItemShape { key, value: None, hash: Some(text.0.as_ref().to_owned()) },
                _ => StorageItemShape { key, value: Some(text), hash: None },
            })
        };
        let items: Vec<_> = values.into_iter().filter_map(item).collect();
        match items.is_empty() {
            true => Ok(None),
            false => Notice::of(&FollowEventShape::OperationStorageItems { operation_id, items }).map(Some),
        }
    };
    let items = queries.build(query, build).await?.map(|items| Notice { room: Some(room), ..items });
    Ok(items.into_iter().chain([Notice::of(&done)?]).collect())
}

/// One follower's subscription.
struct Telling<'a> {
    view: &'a View,
    tenant: Arc<Tenant>,
    with_runtime: bool,
    follower: Arc<Follower>,
    sink: SubscriptionSink,
}

impl Telling<'_> {
    async fn tell(
        self,
        newest: Arc<Block>,
        mut blocks: heads::Blocks,
        mut operations: mpsc::Receiver<Notice>,
    ) -> SubscriptionResult {
        let runtime = if self.with_runtime { Some(self.runtime(&newest)?) } else { None };
        let initialized = FollowEventShape::Initialized {
            finalized_block_hashes: vec![newest.hash.to_string()],
            finalized_block_runtime: runtime,
        };
        heads::send(&self.sink, &initialized).await?;
        let mut last = newest;
        loop {
            tokio::select! {
                () = self.sink.closed() => return Ok(()),
                event = operations.recv() => {
                    let Some(event) = event else { return Ok(()) };
                    event.send(&self.sink).await?;
                }
                block = blocks.after(Some(&last)) => {
                    let Some(block) = block else { return Ok(()) };
                    // A gap cannot be told; neither can a follower that holds too much be told more.
                    let follows = block.header.parent_hash == last.hash;
                    let events = self.follower.with(|follow| follow.appended(block.hash, last.hash));
                    let (true, Ok(events)) = (follows, events) else {
                        return heads::send(&self.sink, &FollowEventShape::Stop).await;
                    };
                    for event in events {
                        heads::send(&self.sink, &self.shape(event, &block, &last)?).await?;
                    }
                    last = block;
                }
            }
        }
    }

    fn runtime(&self, block: &Block) -> Result<RuntimeEventShape, RpcError> {
        Ok(shapes::runtime_event(self.view.runtime_at(&self.tenant, block)?.version()))
    }

    fn shape(&self, event: FollowEvent, at: &Block, before: &Block) -> Result<FollowEventShape, RpcError> {
        let id = self.tenant.id.as_str();
        let changed = at.in_force.of_tenant(id) != before.in_force.of_tenant(id);
        Ok(match event {
            FollowEvent::Initialized { block } => FollowEventShape::Initialized {
                finalized_block_hashes: vec![block.to_string()],
                finalized_block_runtime: None,
            },
            FollowEvent::NewBlock { block, parent } => FollowEventShape::NewBlock {
                block_hash: block.to_string(),
                parent_block_hash: parent.to_string(),
                new_runtime: if self.with_runtime && changed { Some(self.runtime(at)?) } else { None },
            },
            FollowEvent::BestBlockChanged { block } => {
                FollowEventShape::BestBlockChanged { best_block_hash: block.to_string() }
            }
            FollowEvent::Finalized { block } => FollowEventShape::Finalized {
                finalized_block_hashes: vec![block.to_string()],
                pruned_block_hashes: Vec::new(),
            },
        })
    }
}
