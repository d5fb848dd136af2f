//! The methods, a trait per namespace. jsonrpsee makes of each a `..Server` trait for the node and,
//! with the feature `client`, a `..Client` trait that every jsonrpsee client implements.

mod admin;
mod archive;
mod auth;
mod chain;
mod chain_head;
mod realm;
mod state;
mod status;
mod storage;
mod system;
mod tenants;
mod usage;

pub use admin::AdminServer;
pub use archive::ArchiveServer;
pub use auth::AuthServer;
pub use chain::ChainServer;
pub use chain_head::ChainHeadServer;
pub use realm::{RealmServer, ResumeServer};
pub use state::StateServer;
pub use status::StatusServer;
pub use storage::StorageServer;
pub use system::{DiscoveryServer, SystemServer};
pub use tenants::TenantsServer;
pub use usage::UsageServer;

#[cfg(feature = "client")]
pub use admin::AdminClient;
#[cfg(feature = "client")]
pub use auth::AuthClient;
#[cfg(feature = "client")]
pub use realm::{RealmClient, ResumeClient};
#[cfg(feature = "client")]
pub use state::StateClient;
#[cfg(feature = "client")]
pub use status::StatusClient;
#[cfg(feature = "client")]
pub use system::{DiscoveryClient, SystemClient};
#[cfg(feature = "client")]
pub use tenants::TenantsClient;
#[cfg(feature = "client")]
pub use usage::UsageClient;
