//! The methods, a trait per namespace. jsonrpsee makes of each a `..Server` trait for the node and,
//! with the feature `client`, a `..Client` trait that every jsonrpsee client implements.

mod realm;
mod state;
mod system;

pub use realm::RealmServer;
pub use state::StateServer;
pub use system::{DiscoveryServer, SystemServer};

#[cfg(feature = "client")]
pub use realm::RealmClient;
#[cfg(feature = "client")]
pub use state::StateClient;
#[cfg(feature = "client")]
pub use system::{DiscoveryClient, SystemClient};
