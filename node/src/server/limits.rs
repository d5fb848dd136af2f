//! Every bound of the port.

use super::{cpu_share::CpuShareConfig, slots::SlotLimits, socket::WriteWaits, traffic::TrafficLimits};
use jsonrpsee::server::{BatchRequestConfig, PingConfig, RandomStringIdProvider, ServerConfig};
use std::time::Duration;

/// Characters of a subscription's id. A string, because stock clients cannot read numbers.
const SUBSCRIPTION_ID_LEN: usize = 16;
/// Heartbeats that may go unanswered.
const MISSED_PONGS_MAX: usize = 1;

/// What clients may take up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerLimits {
    /// Connections open at once that have sent a request. Default 1024.
    pub connections_max: usize,
    /// Connections beside these that have not sent a request yet. When there are more, the oldest one of the busiest
    /// address is closed. Default 256.
    pub handshakes_max: usize,
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
    /// Bytes that a connection's unread answers and notifications may come to before larger ones wait for room.
    /// Default 16 MiB.
    pub unread_bytes_max: u64,
    /// How long a peer may leave bytes unread before its connection is closed. Default 60 s.
    pub write_wait_max: Duration,
    /// How long a client may take to send the head of a request. Default 10 s.
    pub head_wait_max: Duration,
    /// Bytes of the head of a request. Default 64 KiB.
    pub head_bytes_max: usize,
    /// How long it may take to send a body after that. Default 60 s.
    pub body_wait_max: Duration,
    /// How long a stream over HTTP may be silent before it says that it lives, and how long the status of
    /// one waits for what happens first. Default 15 s.
    pub silence_max: Duration,
    /// Bounds of anonymous clients, which a chain without keys does not have.
    pub anonymous: AnonymousLimits,
}

/// What anonymous clients may take up: those that have shown no valid key to a chain that needs one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnonymousLimits {
    /// Percent of `connections_max` that may be anonymous; at least one connection. Default 25.
    pub connections_percent: u32,
    /// Anonymous connections of one address, of IPv6 one /64. Default 64.
    pub connections_per_address_max: usize,
    /// Bytes of a frame or body. A larger body is answered with 413, a larger frame closes its connection.
    /// Default 64 KiB.
    pub request_bytes_max: u32,
    /// Requests in one batch. Default 8.
    pub batch_len_max: u32,
    /// Subscriptions that one connection may begin. Default 16.
    pub subscriptions_max: u32,
    /// Bytes of unread answers and notifications of one connection. Default 1 MiB.
    pub unread_bytes_max: u64,
    /// The same of all anonymous connections; past it, anonymous requests are refused. Default 64 MiB.
    pub unread_bytes_sum_max: u64,
    /// How long one may leave bytes unread before its connection is closed. Default 10 s.
    pub write_wait_max: Duration,
    /// Processor time of all anonymous clients together.
    pub cpu: CpuShareConfig,
}

impl Default for AnonymousLimits {
    fn default() -> Self {
        Self {
            connections_percent: 25,
            connections_per_address_max: 64,
            request_bytes_max: 64 << 10,
            batch_len_max: 8,
            subscriptions_max: 16,
            unread_bytes_max: 1 << 20,
            unread_bytes_sum_max: 64 << 20,
            write_wait_max: Duration::from_secs(10),
            cpu: CpuShareConfig::default(),
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            handshakes_max: 256,
            subscriptions_max: 256,
            request_bytes_max: 10 << 20,
            response_bytes_max: 32 << 20,
            batch_len_max: 64,
            messages_max: 128,
            send_buffer_bytes: 256 << 10,
            ping_interval: Duration::from_secs(20),
            unread_bytes_max: 16 << 20,
            write_wait_max: Duration::from_secs(60),
            head_wait_max: Duration::from_secs(10),
            head_bytes_max: 64 << 10,
            body_wait_max: Duration::from_secs(60),
            silence_max: Duration::from_secs(15),
            anonymous: AnonymousLimits::default(),
        }
    }
}

impl ServerLimits {
    /// Connections that may be anonymous.
    pub fn anonymous_connections_max(&self) -> usize {
        const PERCENT: usize = 100;
        (self.connections_max.saturating_mul(self.anonymous.connections_percent as usize) / PERCENT).max(1)
    }

    pub(super) fn slots(&self) -> SlotLimits {
        SlotLimits {
            connections_max: self.connections_max,
            anonymous_max: self.anonymous_connections_max(),
            anonymous_per_network_max: self.anonymous.connections_per_address_max,
            handshakes_max: self.handshakes_max,
        }
    }

    pub(super) fn traffic(&self) -> TrafficLimits {
        TrafficLimits {
            unread_bytes_max: self.unread_bytes_max,
            anonymous_unread_bytes_max: self.anonymous.unread_bytes_max,
            anonymous_unread_bytes_sum_max: self.anonymous.unread_bytes_sum_max,
            anonymous_request_bytes_max: u64::from(self.anonymous.request_bytes_max),
        }
    }

    pub(super) fn write_waits(&self) -> WriteWaits {
        WriteWaits { keyed: self.write_wait_max, anonymous: self.anonymous.write_wait_max }
    }

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
