//! The node's wire: which JSON-RPC methods there are, what goes over them and how errors are
//! numbered. No behaviour: the node implements the `..Server` traits, and with the feature `client`
//! the same traits give every jsonrpsee client a typed method for each.
//!
//! - [`api`]: the methods, a trait per namespace.
//! - [`CallOptions`]: what may accompany a call.
//! - [`Event`]: one notification of a subscription.
//! - [`NodeStatus`]: how a node is doing.
//! - [`ErrorCode`], [`RpcError`]: the one table of error codes, and an error made from it.
#![forbid(unsafe_code)]

pub mod api;
mod chain;
mod error;
mod event;
mod options;
mod shared_text;
mod status;
mod substrate;

pub use chain::{
    ArchiveCallShape, BlockBodyShape, BlockShape, DigestShape, FollowEventShape, HeaderShape, OperationStarted,
    RuntimeEventShape, RuntimeSpecShape, StorageChangesShape, StorageItemShape,
};
pub use error::{ErrorCode, RpcError, number_of};
pub use event::{Event, EventBody, EventError};
pub use options::CallOptions;
pub use shared_text::SharedText;
pub use status::{ModelStatus, NodeStatus};
pub use substrate::{Health, MethodList, VersionShape};
