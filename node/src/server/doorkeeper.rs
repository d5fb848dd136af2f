//! Which methods a stranger may call: what tells of health and of the chain, and how to say who one
//! is. All else is refused before it is looked at, a method that somebody adds later included.

use crate::{auth::unauthenticated, connection::Connection};
use jsonrpsee::server::{
    MethodResponse,
    middleware::rpc::{
        Batch, BatchEntry, BatchEntryErr, Notification, Request, ResponseFuture, RpcServiceBuilder, RpcServiceT,
    },
};
use std::sync::Arc;
use tower::layer::util::{Identity, Stack};

/// What the names of open methods begin with.
const OPEN_NAMESPACES: [&str; 7] =
    ["system_", "rpc_", "rpc.", "chain_", "chainSpec_v1_", "chainHead_v1_", "archive_v1_"];
/// Open methods by name. Where one of these calls functions (`realm_call`, `state_call`, and the calls
/// of `chainHead_v1_` and `archive_v1_`), it refuses strangers itself, except for what only describes
/// the runtime.
const OPEN_METHODS: [&str; 19] = [
    "realm_authenticate",
    "realm_call",
    "state_call",
    "state_callAt",
    "state_getMetadata",
    "state_getRuntimeVersion",
    "state_getStorage",
    "state_getStorageAt",
    "state_getStorageHash",
    "state_getStorageHashAt",
    "state_getStorageSize",
    "state_getStorageSizeAt",
    "state_queryStorageAt",
    "state_getKeysPaged",
    "state_getKeysPagedAt",
    "state_subscribeRuntimeVersion",
    "state_unsubscribeRuntimeVersion",
    "subscribe_newHead",
    "unsubscribe_newHead",
];

/// The middleware for jsonrpsee.
pub fn middleware() -> RpcServiceBuilder<Stack<DoorkeeperLayer, Identity>> {
    RpcServiceBuilder::new().layer(DoorkeeperLayer)
}

/// Puts a [`Doorkeeper`] before a service.
#[derive(Clone, Copy, Debug)]
pub struct DoorkeeperLayer;

impl<S> tower::Layer<S> for DoorkeeperLayer {
    type Service = Doorkeeper<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Doorkeeper(inner)
    }
}

/// Refuses strangers what they may not call.
#[derive(Clone, Debug)]
pub struct Doorkeeper<S>(S);

impl<S> RpcServiceT for Doorkeeper<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        >,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        match may_pass(&request) {
            true => ResponseFuture::future(self.0.call(request)),
            false => ResponseFuture::ready(MethodResponse::error(request.id, unauthenticated())),
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        for entry in batch.iter_mut() {
            if let Ok(BatchEntry::Call(request)) = entry
                && !may_pass(request)
            {
                *entry = Err(BatchEntryErr::new(request.id.clone(), unauthenticated().into()));
            }
        }
        self.0.batch(batch)
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        // Nothing listens to notifications.
        self.0.notification(notification)
    }
}

/// Whether the caller may call this method, as far as the name tells.
fn may_pass(request: &Request<'_>) -> bool {
    let connection = request.extensions().get::<Arc<Connection>>();
    is_open(request.method_name()) || connection.is_some_and(|connection| !connection.identity().is_stranger())
}

fn is_open(method: &str) -> bool {
    OPEN_NAMESPACES.iter().any(|namespace| method.starts_with(namespace)) || OPEN_METHODS.contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_is_open() {
        for open in [
            "system_health",
            "rpc.discover",
            "rpc_methods",
            "state_getMetadata",
            "realm_authenticate",
            "chain_getHeader",
        ] {
            assert!(is_open(open), "{open}");
        }
        for closed in [
            "realm_subscribe",
            "realm_upgradeRuntime",
            "realm_keyList",
            "realm_tenantAdd",
            "realm_resume",
            "author_submitExtrinsic",
            "",
        ] {
            assert!(!is_open(closed), "{closed}");
        }
    }
}
