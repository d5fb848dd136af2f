"""Every bound and time of a client."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How a client behaves. Times are in seconds."""

    connect_timeout: float = 10.0
    """For one attempt to connect: the handshake, and the first requests after it."""
    reconnect: bool = True
    """Whether a lost connection is replaced without ``reconnect()``."""
    backoff_min: float = 0.1
    """Before the second attempt; doubled for each one after, and each drawn from half of it to all of it."""
    backoff_max: float = 10.0
    """Between two attempts at most."""
    attempts_max: int | None = None
    """Attempts in a row before the client gives up and closes; None for no end."""
    ping_interval: float = 20.0
    """Between two heartbeats; a connection that does not answer one for as long is lost."""
    frame_bytes_max: int = 32 << 20
    """Of one message of the node."""
    stream_events_max: int = 16384
    """Events that a stream holds for a slow reader; beyond, the stream ends with SLOW_CONSUMER."""
    resumable: bool = True
    """Whether streams are asked for in such a way that they can be taken up after a lost connection. The node
    then goes on generating for a while when the connection is lost."""

    def backoff(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        longest = min(self.backoff_max, self.backoff_min * 2.0 ** min(failures - 1, 30))
        return longest * random.uniform(0.5, 1.0)
