//! `realm serve`'s limits: each flag, and where in the configuration it goes. Defaults are the configuration's own,
//! so that `--help` shows what is in force and there is one place to change it.

use crate::{millis::whole_ms, service::NodeConfig};
use realm_chain_spec::ChainSpec;
use std::time::Duration;

/// What `--help` has above the limits. docs/operations.md has a row for each flag below it.
pub const HEADING: &str = "Limits";

/// Bounds; the defaults suit one machine.
#[derive(clap::Args, Clone, Copy, PartialEq, Eq, Debug)]
#[command(next_help_heading = HEADING)]
pub struct LimitArgs {
    /// Connections open at once.
    #[arg(long, value_name = "N", default_value_t = default().connections, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,
    /// Percent of the connections that may have shown no key, where keys are needed.
    #[arg(long, value_name = "PERCENT", default_value_t = default().anonymous_connections_percent, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub anonymous_connections_percent: u32,
    /// Connections without a key of one address (of IPv6: one /64).
    #[arg(long, value_name = "N", default_value_t = default().anonymous_connections_per_address, value_parser = clap::value_parser!(u32).range(1..))]
    pub anonymous_connections_per_address: u32,
    /// Bytes of a frame or request body of a client without a key.
    #[arg(long, value_name = "BYTES", default_value_t = default().anonymous_frame_bytes, value_parser = clap::value_parser!(u32).range(1024..))]
    pub anonymous_frame_bytes: u32,
    /// Percent of one core that all clients without a key have together.
    #[arg(long, value_name = "PERCENT", default_value_t = default().anonymous_cpu_percent, value_parser = clap::value_parser!(u32).range(1..))]
    pub anonymous_cpu_percent: u32,
    /// Subscriptions of one connection at once.
    #[arg(long, value_name = "N", default_value_t = default().subscriptions, value_parser = clap::value_parser!(u32).range(1..))]
    pub subscriptions: u32,
    /// Bytes of a frame or request body.
    #[arg(long, value_name = "BYTES", default_value_t = default().frame_bytes, value_parser = clap::value_parser!(u32).range(1024..))]
    pub frame_bytes: u32,
    /// Calls of all tenants that run at once.
    #[arg(long, value_name = "N", default_value_t = default().calls, value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: u32,
    /// Calls of all tenants that wait for a place.
    #[arg(long, value_name = "N", default_value_t = default().queue)]
    pub queue: u32,
    /// Sandboxes alive at once.
    #[arg(long, value_name = "N", default_value_t = default().instances, value_parser = clap::value_parser!(u32).range(1..))]
    pub instances: u32,
    /// Followers of the chain (`chainHead_v1_follow`) on one connection.
    #[arg(long, value_name = "N", default_value_t = default().followers, value_parser = clap::value_parser!(u32).range(1..))]
    pub followers: u32,
    /// Blocks that one follower may hold.
    #[arg(long, value_name = "N", default_value_t = default().pinned_blocks, value_parser = clap::value_parser!(u32).range(2..))]
    pub pinned_blocks: u32,
    /// Operations that one follower may have under way.
    #[arg(long, value_name = "N", default_value_t = default().follow_operations, value_parser = clap::value_parser!(u32).range(1..))]
    pub follow_operations: u32,
    /// Milliseconds that a subscriber may keep an event waiting.
    #[arg(long, value_name = "MS", default_value_t = default().slow_consumer_ms, value_parser = clap::value_parser!(u64).range(1..))]
    pub slow_consumer_ms: u64,
    /// Streams of a tenant that outlive their connections at once, running or over.
    #[arg(long, value_name = "N", default_value_t = default().kept_streams, value_parser = clap::value_parser!(u32).range(1..))]
    pub kept_streams: u32,
    /// Most milliseconds that such a stream is kept while nobody follows it.
    #[arg(long, value_name = "MS", default_value_t = default().keep_stream_ms, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_stream_ms: u64,
    /// Events that are kept of each such stream.
    #[arg(long, value_name = "N", default_value_t = default().kept_events, value_parser = clap::value_parser!(u32).range(1..))]
    pub kept_events: u32,
    /// Bytes of events that are kept of each such stream.
    #[arg(long, value_name = "BYTES", default_value_t = default().kept_event_bytes, value_parser = clap::value_parser!(u32).range(1024..))]
    pub kept_event_bytes: u32,
    /// Bytes of events that are kept of all such streams of a tenant.
    #[arg(long, value_name = "BYTES", default_value_t = default().kept_bytes, value_parser = clap::value_parser!(u32).range(1024..))]
    pub kept_bytes: u32,
    /// Days that usage is kept, at least 32.
    #[arg(long, value_name = "N", default_value_t = default().usage_days, value_parser = clap::value_parser!(u32).range(32..=36_500))]
    pub usage_days: u32,
    /// Bytes of native memory of all tenants' calls, connections and kept streams.
    #[arg(long, value_name = "BYTES", default_value_t = default().native_bytes, value_parser = clap::value_parser!(u64).range(1 << 20..))]
    pub native_bytes: u64,
    /// Bytes of each model's KV cache.
    #[arg(long, value_name = "BYTES", default_value_t = default().kv_bytes, value_parser = clap::value_parser!(u64).range(1 << 16..))]
    pub kv_bytes: u64,
    /// Seconds that calls may go on when the node is told to stop.
    #[arg(long, value_name = "S", default_value_t = default().shutdown_timeout)]
    pub shutdown_timeout: u64,
}

impl LimitArgs {
    /// What a configuration says.
    fn of(config: &NodeConfig) -> Self {
        let (server, follow, replay) = (&config.server, &config.follow, &config.events.replay);
        Self {
            connections: count(server.connections_max),
            anonymous_connections_percent: server.anonymous.connections_percent,
            anonymous_connections_per_address: count(server.anonymous.connections_per_address_max),
            anonymous_frame_bytes: server.anonymous.request_bytes_max,
            anonymous_cpu_percent: server.anonymous.cpu.percent,
            subscriptions: server.subscriptions_max,
            frame_bytes: server.request_bytes_max,
            calls: count(config.calls_max),
            queue: count(config.queue_len_max),
            instances: config.executor.instances_max,
            followers: count(follow.followers_per_connection_max),
            pinned_blocks: count(follow.pinned_blocks_max),
            follow_operations: count(follow.operations_max),
            slow_consumer_ms: whole_ms(config.events.slow_consumer_after),
            kept_streams: count(replay.streams_per_tenant_max),
            keep_stream_ms: whole_ms(replay.keep_max),
            kept_events: count(replay.events_max),
            kept_event_bytes: count(replay.bytes_max),
            kept_bytes: count(replay.tenant_bytes_max),
            usage_days: config.metering.hours_max / 24,
            native_bytes: config.native_bytes_max,
            kv_bytes: config.engine.kv_bytes_max,
            shutdown_timeout: config.shutdown_wait_max.as_secs(),
        }
    }

    /// Writes all of them into a configuration.
    pub fn apply(&self, config: &mut NodeConfig) {
        let (server, follow, replay) = (&mut config.server, &mut config.follow, &mut config.events.replay);
        server.connections_max = self.connections as usize;
        server.anonymous.connections_percent = self.anonymous_connections_percent;
        server.anonymous.connections_per_address_max = self.anonymous_connections_per_address as usize;
        server.anonymous.request_bytes_max = self.anonymous_frame_bytes;
        server.anonymous.cpu.percent = self.anonymous_cpu_percent;
        server.subscriptions_max = self.subscriptions;
        server.request_bytes_max = self.frame_bytes;
        config.calls_max = self.calls as usize;
        config.queue_len_max = self.queue as usize;
        config.executor.instances_max = self.instances;
        follow.followers_per_connection_max = self.followers as usize;
        follow.pinned_blocks_max = self.pinned_blocks as usize;
        follow.operations_max = self.follow_operations as usize;
        replay.streams_per_tenant_max = self.kept_streams as usize;
        replay.keep_max = Duration::from_millis(self.keep_stream_ms);
        replay.events_max = self.kept_events as usize;
        replay.bytes_max = self.kept_event_bytes as usize;
        replay.tenant_bytes_max = self.kept_bytes as usize;
        config.events.slow_consumer_after = Duration::from_millis(self.slow_consumer_ms);
        config.metering.hours_max = self.usage_days * 24;
        config.native_bytes_max = self.native_bytes;
        config.engine.kv_bytes_max = self.kv_bytes;
        config.shutdown_wait_max = Duration::from_secs(self.shutdown_timeout);
    }
}

/// The configuration's defaults. No limit of a node depends on its chain.
fn default() -> LimitArgs {
    LimitArgs::of(&NodeConfig::new(ChainSpec::dev()))
}

fn count(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said on the command line is what is in force, each flag in a place of its own.
    #[test]
    fn every_flag_goes_where_its_default_comes_from() {
        let other = LimitArgs {
            connections: 101,
            anonymous_connections_percent: 31,
            anonymous_connections_per_address: 32,
            anonymous_frame_bytes: 2033,
            anonymous_cpu_percent: 34,
            subscriptions: 102,
            frame_bytes: 1103,
            calls: 104,
            queue: 105,
            instances: 106,
            followers: 107,
            pinned_blocks: 108,
            follow_operations: 109,
            slow_consumer_ms: 110,
            kept_streams: 111,
            keep_stream_ms: 112,
            kept_events: 113,
            kept_event_bytes: 1114,
            kept_bytes: 1115,
            usage_days: 115,
            native_bytes: 116_000,
            kv_bytes: 117_000,
            shutdown_timeout: 118,
        };
        let mut config = NodeConfig::new(ChainSpec::dev());
        assert_ne!(LimitArgs::of(&config), other);
        other.apply(&mut config);
        assert_eq!(LimitArgs::of(&config), other);
    }
}
