//! The methods by which stock Polkadot clients know a node: blocks, storage, following, archive. The
//! upgrade log is the chain they see, and a call at a block is a call of the runtime in force.
//!
//! - [`view`]: which runtime a block means, and calls at blocks.
//! - [`blocks`], [`storage`], [`archive`]: `chain_*`, `state_*`, `archive_v1_*`.
//! - [`queries`]: what a storage query may ask for, and where its answer is built.
//! - [`follow`]: the methods `chainHead_v1_*`.
//! - [`admin`]: carries out upgrades.

mod admin;
mod archive;
mod blocks;
mod follow;
mod followers;
mod heads;
mod keys;
mod queries;
mod shapes;
mod state;
mod storage;
mod view;

pub use queries::{Queries, QueryLimits};
pub use view::View;

use crate::{chain::FollowLimits, methods::ChainInfo, upgrade::Upgrader};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use realm_rpc::api::{AdminServer, ArchiveServer, ChainHeadServer, ChainServer, StateServer, StorageServer};
use std::sync::Arc;

/// All methods of the chain.
///
/// # Errors
/// Two methods have one name.
pub fn methods(
    view: View,
    info: ChainInfo,
    upgrader: Arc<Upgrader>,
    limits: FollowLimits,
) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(());
    module.merge(blocks::Blocks { view: view.clone(), info }.into_rpc())?;
    module.merge(state::State { view: view.clone() }.into_rpc())?;
    module.merge(storage::Storage { view: view.clone() }.into_rpc())?;
    module.merge(archive::Archive { view: view.clone() }.into_rpc())?;
    module.merge(follow::ChainHead::new(view.clone(), limits).into_rpc())?;
    module.merge(admin::Admin { view, upgrader }.into_rpc())?;
    Ok(module)
}
