//! Every bound of the port.

use jsonrpsee::server::{BatchRequestConfig, PingConfig, RandomStringIdProvider, ServerConfig};
use std::time::Duration;

/// Characters of a subscription's id. A string, because stock clients cannot read numbers.
const SUBSCRIPTION_ID_LEN: usize = 16;
/// Heartbeats that may go unanswered.
const MISSED_PONGS_MAX: usize = 1;

/// What clients may take up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerLimits {
    /// Connections open at once. Default 1024.
    pub connections_max: usize,
    /// Subscriptions of one connection at once. Default 256.
    pub subscriptions_max: u32,
    /// Bytes of a frame, or of a request's body. A bigger one is answered with an error and its
    /// connection goes on. Default 10 MiB.
    pub request_bytes_max: u32,
    /// Bytes of a response. Default 32 MiB.
    pub response_bytes_max: u32,
    /// Requests in one batch. Default 64.
    pub batch_len_max: u32,
    /// Messages held for a connection that reads slowly; when there are more, their senders wait.
    /// Default 128.
    pub messages_max: u32,
    /// Bytes of a connection that the system holds for a slow reader, beside those messages. Fixed, because
    /// the system would otherwise hold megabytes and hide from us that nobody reads. Default 256 KiB.
    pub send_buffer_bytes: u32,
    /// Time between pings. A connection that does not answer them is closed. Default 20 s.
    pub ping_interval: Duration,
    /// How long a client may take to send the head of a request. Default 10 s.
    pub head_wait_max: Duration,
    /// How long it may take to send a body after that. Default 60 s.
    pub body_wait_max: Duration,
    /// How long a stream over HTTP may be silent before it says that it lives, and how long the status of
    /// one waits for what happens first. Default 15 s.
    pub silence_max: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            subscriptions_max: 256,
            request_bytes_max: 10 << 20,
            response_bytes_max: 32 << 20,
            batch_len_max: 64,
            messages_max: 128,
            send_buffer_bytes: 256 << 10,
            ping_interval: Duration::from_secs(20),
            head_wait_max: Duration::from_secs(10),
            body_wait_max: Duration::from_secs(60),
            silence_max: Duration::from_secs(15),
        }
    }
}

impl ServerLimits {
    pub(super) fn to_jsonrpsee(self) -> ServerConfig {
        ServerConfig::builder()
            // Connections are bounded by our own accept loop, before jsonrpsee sees them.
            .max_connections(u32::MAX)
            .max_subscriptions_per_connection(self.subscriptions_max)
            .max_request_body_size(self.request_bytes_max)
            .max_response_body_size(self.response_bytes_max)
            .set_batch_request_config(BatchRequestConfig::Limit(self.batch_len_max))
            .set_message_buffer_capacity(self.messages_max.max(1))
            .enable_ws_ping(
                PingConfig::new()
                    .ping_interval(self.ping_interval)
                    .inactive_limit(self.ping_interval * 2)
                    .max_failures(MISSED_PONGS_MAX),
            )
            .set_id_provider(RandomStringIdProvider::new(SUBSCRIPTION_ID_LEN))
            .build()
    }
}
