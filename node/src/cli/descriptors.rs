//! File descriptors: each connection holds one, so the process limit has to fit `--connections`.

use crate::server::ServerLimits;
use rlimit::Resource;

/// Descriptors that the node needs beside connections: the database, models, listeners, pipes to compile processes.
const OTHER_DESCRIPTORS: u64 = 128;
/// Connections that are served whatever the limit is.
const CONNECTIONS_MIN: usize = 16;

/// Raises this process's soft limit to what the limits of the port need. Where the hard limit is lower, lowers the number
/// of connections to fit and logs both numbers.
pub fn fit(limits: &mut ServerLimits) {
    let needed = needed(limits);
    let (soft, hard) = match Resource::NOFILE.get() {
        Ok(limit) => limit,
        Err(error) => return tracing::warn!(%error, "the limit of file descriptors cannot be read"),
    };
    if soft >= needed {
        return;
    }
    let raised = needed.min(hard);
    let available = match Resource::NOFILE.set(raised, hard) {
        Ok(()) => raised,
        Err(error) => {
            tracing::warn!(%error, soft, needed, "the limit of file descriptors cannot be raised");
            soft
        }
    };
    if available < needed {
        let asked = limits.connections_max;
        lower(limits, available);
        tracing::warn!(
            descriptors = available,
            connections_asked = asked,
            connections_max = limits.connections_max,
            "fewer connections are served than asked for; raise the hard limit of file descriptors (LimitNOFILE, ulimit -Hn)"
        );
    }
}

fn needed(limits: &ServerLimits) -> u64 {
    (limits.connections_max as u64).saturating_add(limits.handshakes_max as u64).saturating_add(OTHER_DESCRIPTORS)
}

/// Fits connections, and those without a request yet in their proportion, into what is available.
fn lower(limits: &mut ServerLimits, available: u64) {
    let for_connections = usize::try_from(available.saturating_sub(OTHER_DESCRIPTORS)).unwrap_or(usize::MAX);
    let handshakes = limits.handshakes_max.min(for_connections / 4).max(1);
    limits.handshakes_max = handshakes;
    limits.connections_max =
        limits.connections_max.min(for_connections.saturating_sub(handshakes)).max(CONNECTIONS_MIN);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_the_descriptors_that_there_are() {
        let asked = ServerLimits { connections_max: 100_000, handshakes_max: 256, ..ServerLimits::default() };
        assert_eq!(needed(&asked), 100_384);
        for (available, connections_max, handshakes_max) in
            [(4_096, 3_712, 256), (1_024, 672, 224), (128, CONNECTIONS_MIN, 1), (0, CONNECTIONS_MIN, 1)]
        {
            let mut limits = asked;
            lower(&mut limits, available);
            assert_eq!(
                (limits.connections_max, limits.handshakes_max),
                (connections_max, handshakes_max),
                "{available}"
            );
        }
    }
}
