//! Everything a node is told before it starts.

use crate::{
    auth::AuthConfig,
    chain::{ChainConfig, FollowLimits},
    events::EventLimits,
    executor::ExecutorConfig,
    metering::MeteringConfig,
    server::{AllowedHosts, AllowedOrigins, ServerLimits},
    substrate::QueryLimits,
    upgrade::UpgradeConfig,
};
use realm_chain_spec::ChainSpec;
use realm_engine::EngineConfig;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// The port of JSON-RPC.
pub const RPC_PORT: u16 = 9944;
/// The port of `/metrics`.
pub const METRICS_PORT: u16 = 9615;

/// A node's configuration.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The chain.
    pub chain: ChainSpec,
    /// Where JSON-RPC listens; port 0 takes any. Default 127.0.0.1:9944.
    pub listen: SocketAddr,
    /// Where `/metrics` listens, if anywhere. Default 127.0.0.1:9615.
    pub metrics: Option<SocketAddr>,
    /// The folder of what must survive a restart; without one it is kept in memory. Default none.
    pub base_path: Option<PathBuf>,
    /// May listen beyond this machine although the chain needs no keys. Default no.
    pub allow_unauthenticated: bool,
    /// Bounds of keys and of those who have none.
    pub auth: AuthConfig,
    /// Web pages that may use the node. Default those of this machine.
    pub origins: AllowedOrigins,
    /// Names, beside addresses and `localhost`, that a chain without keys may be reached by. Default none.
    pub hosts: AllowedHosts,
    /// Calls of all tenants that run at once. Default 128.
    pub calls_max: usize,
    /// Calls of all tenants that wait for one of those places. Default 1024.
    pub queue_len_max: usize,
    /// Bytes of native memory of all tenants: what the node holds for their calls, connections and kept streams outside
    /// of linear memory and KV caches. Default 4 GiB.
    pub native_bytes_max: u64,
    /// Tenants that there may be. Default 10000.
    pub tenants_max: usize,
    /// How long calls may go on when the node is told to stop. Default 10 s.
    pub shutdown_wait_max: Duration,
    /// Bounds of the port.
    pub server: ServerLimits,
    /// Bounds of subscriptions.
    pub events: EventLimits,
    /// How the chain of blocks is kept.
    pub blocks: ChainConfig,
    /// Bounds of those who follow it.
    pub follow: FollowLimits,
    /// Bounds of storage queries.
    pub queries: QueryLimits,
    /// Bounds of upgrades.
    pub upgrade: UpgradeConfig,
    /// How usage is kept.
    pub metering: MeteringConfig,
    /// Bounds of sandboxes.
    pub executor: ExecutorConfig,
    /// Sizes of each model's engine.
    pub engine: EngineConfig,
}

impl NodeConfig {
    /// The defaults for a chain.
    pub fn new(chain: ChainSpec) -> Self {
        Self {
            chain,
            listen: (Ipv4Addr::LOCALHOST, RPC_PORT).into(),
            metrics: Some((Ipv4Addr::LOCALHOST, METRICS_PORT).into()),
            base_path: None,
            allow_unauthenticated: false,
            auth: AuthConfig::default(),
            origins: AllowedOrigins::default(),
            hosts: AllowedHosts::default(),
            calls_max: 128,
            queue_len_max: 1024,
            native_bytes_max: 4 << 30,
            tenants_max: 10_000,
            shutdown_wait_max: Duration::from_secs(10),
            server: ServerLimits::default(),
            events: EventLimits::default(),
            blocks: ChainConfig::default(),
            follow: FollowLimits::default(),
            queries: QueryLimits::default(),
            upgrade: UpgradeConfig::default(),
            metering: MeteringConfig::default(),
            executor: ExecutorConfig::default(),
            engine: EngineConfig::default(),
        }
    }
}
