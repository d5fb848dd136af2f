//! The JSON-RPC middleware: what happens between a frame and a method.
//!
//! An anonymous client is refused what is not on the [allow list](super::allow_list) before parameters are read, and
//! everything while anonymous clients have used up their share of the processor or of unread bytes. Entries of a batch
//! run one after the other with a pause for other tasks between them.

use super::{allow_list::is_open, slots::Slot};
use crate::{auth::unauthenticated, connection::Connection, millis::ms_rounded_up};
use jsonrpsee::{
    core::server::BatchResponseBuilder,
    server::{
        MethodResponse,
        middleware::rpc::{Batch, BatchEntry, Notification, Request, RpcServiceBuilder, RpcServiceT},
    },
    types::{
        ErrorObjectOwned, Id,
        error::{METHOD_NOT_FOUND_CODE, reject_too_big_batch_request, reject_too_many_subscriptions},
    },
};
use realm_rpc::{ErrorCode, RpcError};
use std::{future::poll_fn, sync::Arc, time::Duration};
use tower::layer::util::{Identity, Stack};

/// What reading one frame of a WebSocket costs before the middleware sees it, as far as it is charged to anonymous
/// clients: two system calls, a task, and the parsing of some hundred bytes.
const FRAME_COST: Duration = Duration::from_micros(20);
/// The method by which a connection shows a key.
const AUTHENTICATE: &str = "realm_authenticate";
/// When an anonymous client may try again that was refused for bytes that other anonymous clients have not read.
const CONGESTED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bounds that the middleware applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MiddlewareLimits {
    /// Bytes of the answer to a batch.
    pub response_bytes_max: usize,
    /// Requests in a batch of an anonymous client.
    pub anonymous_batch_len_max: usize,
    /// Subscriptions that an anonymous connection may begin.
    pub anonymous_subscriptions_max: u32,
}

/// The middleware for jsonrpsee.
pub fn middleware(limits: MiddlewareLimits) -> RpcServiceBuilder<Stack<GuardLayer, Identity>> {
    RpcServiceBuilder::new().layer(GuardLayer(limits))
}

/// Wraps a service in a [`Guard`].
#[derive(Clone, Copy, Debug)]
pub struct GuardLayer(MiddlewareLimits);

impl<S> tower::Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guard { inner, limits: self.0 }
    }
}

/// Applies the bounds of JSON-RPC requests.
#[derive(Clone, Debug)]
pub struct Guard<S> {
    inner: S,
    limits: MiddlewareLimits,
}

impl<S> RpcServiceT for Guard<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guard = self.clone();
        async move {
            let connection = request.extensions().get::<Arc<Connection>>().cloned();
            let frame = Frame::begin(connection.as_ref());
            let response = guard.answer(connection.as_ref(), request).await;
            frame.end(&response);
            response
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let guard = self.clone();
        async move {
            let connection = batch.iter().find_map(|entry| entry.as_ref().ok()?.extensions().get::<Arc<Connection>>());
            let connection = connection.cloned();
            let frame = Frame::begin(connection.as_ref());
            let response = guard.answer_batch(connection.as_ref(), batch).await;
            frame.end(&response);
            response
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let connection = notification.extensions().get::<Arc<Connection>>().cloned();
        drop(Frame::begin(connection.as_ref()));
        // No method listens to notifications.
        self.inner.notification(notification)
    }
}

impl<S> Guard<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Send
        + Sync,
{
    async fn answer(&self, connection: Option<&Arc<Connection>>, request: Request<'_>) -> MethodResponse {
        // The server gives every request its connection.
        let Some(connection) = connection else {
            return MethodResponse::error(request.id, RpcError::internal());
        };
        let is_anonymous = connection.identity().is_stranger();
        if is_anonymous && !is_open(request.method_name()) {
            return MethodResponse::error(request.id, unauthenticated());
        }
        if needs_web_socket(request.method_name()) && !connection.remembers() {
            let refusal = no_web_socket(request.method_name());
            return MethodResponse::error(request.id, refusal);
        }
        if !is_anonymous {
            return self.inner.call(request).await;
        }
        let slot = connection.slot();
        // Authentication is cheap, and ends what these two bound.
        let authenticates = request.method_name() == AUTHENTICATE;
        if let Some(wait) = slot.share().wait().filter(|_| !authenticates) {
            return MethodResponse::error(request.id, overloaded(wait));
        }
        if slot.traffic.is_congested() && !authenticates {
            return MethodResponse::error(request.id, overloaded(CONGESTED_RETRY_AFTER));
        }
        let max = self.limits.anonymous_subscriptions_max;
        if begins_subscription(request.method_name()) && !slot.traffic.begin_subscription(max) {
            return MethodResponse::error(request.id, reject_too_many_subscriptions(max));
        }
        match connection.remembers() {
            true => charged(slot, async { self.inner.call(request).await }).await,
            // The connection's task is charged as a whole.
            false => self.inner.call(request).await,
        }
    }

    async fn answer_batch(&self, connection: Option<&Arc<Connection>>, batch: Batch<'_>) -> MethodResponse {
        let max = self.limits.anonymous_batch_len_max;
        if connection.is_some_and(|connection| connection.identity().is_stranger()) && batch.len() > max {
            return MethodResponse::error(Id::Null, reject_too_big_batch_request(max));
        }
        let mut answers = BatchResponseBuilder::new_with_limit(self.limits.response_bytes_max);
        let mut had_notification = false;
        for entry in batch {
            let answer = match entry {
                Ok(BatchEntry::Call(request)) => self.answer(connection, request).await,
                Ok(BatchEntry::Notification(notification)) => {
                    had_notification = true;
                    self.inner.notification(notification).await;
                    continue;
                }
                Err(error) => {
                    let (error, id) = error.into_parts();
                    MethodResponse::error(id, error)
                }
            };
            if let Err(too_large) = answers.append(answer) {
                return too_large;
            }
            tokio::task::yield_now().await;
        }
        match answers.is_empty() && had_notification {
            true => MethodResponse::notification(),
            false => MethodResponse::from_batch(answers.finish()),
        }
    }
}

/// One frame of a WebSocket while it is answered. Requests over HTTP are bounded by their connection.
struct Frame(Option<(Arc<Slot>, super::traffic::RunningRequest)>);

impl Frame {
    fn begin(connection: Option<&Arc<Connection>>) -> Self {
        Self(connection.filter(|connection| connection.remembers()).map(|connection| {
            let slot = connection.slot().clone();
            if slot.is_anonymous() {
                slot.share().charge(FRAME_COST);
            }
            let running = slot.traffic.request();
            (slot, running)
        }))
    }

    /// Counts the answer as unread. A subscription's is sent when it is accepted, and is small.
    fn end(self, response: &MethodResponse) {
        if let Some((slot, _running)) = &self.0
            && (response.is_method_call() || response.is_batch())
        {
            slot.traffic.queued(response.as_json().get().len() as u64);
        }
    }
}

/// A future whose polls are charged to the anonymous clients' share.
fn charged<F: Future>(slot: &Arc<Slot>, future: F) -> impl Future<Output = F::Output> + use<F> {
    let (slot, mut future) = (slot.clone(), Box::pin(future));
    poll_fn(move |context| slot.share().charged(|| future.as_mut().poll(context)))
}

/// Whether a method begins a subscription.
fn begins_subscription(method: &str) -> bool {
    let method_lower = method.to_ascii_lowercase();
    method == "chainHead_v1_follow"
        || method == "realm_resume"
        || (method_lower.contains("subscribe") && !method_lower.contains("unsubscribe"))
}

/// Whether a method begins or ends a subscription, or belongs to one.
fn needs_web_socket(method: &str) -> bool {
    begins_subscription(method)
        || method == "chainHead_v1_unfollow"
        || method == "realm_unresume"
        || method.to_ascii_lowercase().contains("unsubscribe")
}

fn no_web_socket(method: &str) -> ErrorObjectOwned {
    let message = format!("{method} needs a WebSocket; plain HTTP has no subscriptions");
    ErrorObjectOwned::owned(METHOD_NOT_FOUND_CODE, message, None::<()>)
}

/// The refusal of an anonymous request while anonymous clients have used up what they have together.
pub(super) fn overloaded(wait: Duration) -> RpcError {
    let ms = ms_rounded_up(wait);
    let message = format!(
        "clients without a key have used up their share of the node; send `Authorization: Bearer KEY`, or try again in {ms} ms"
    );
    RpcError::new(ErrorCode::Overloaded, message).with("retry_after_ms", ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{CLOSED_METHODS, OPEN_METHODS};

    #[test]
    fn methods_of_subscriptions_are_known_by_their_names() {
        let all = || OPEN_METHODS.into_iter().chain(CLOSED_METHODS);
        let begin: Vec<_> = all().filter(|method| begins_subscription(method)).collect();
        assert_eq!(
            begin,
            [
                "chainHead_v1_follow",
                "chain_subscribeAllHeads",
                "chain_subscribeFinalisedHeads",
                "chain_subscribeFinalizedHeads",
                "chain_subscribeNewHead",
                "chain_subscribeNewHeads",
                "chain_subscribeRuntimeVersion",
                "state_subscribeRuntimeVersion",
                "subscribe_newHead",
                "realm_resume",
                "realm_subscribe",
            ]
        );
        let end = all().filter(|method| needs_web_socket(method) && !begins_subscription(method)).count();
        assert_eq!(end, 11);
    }
}
