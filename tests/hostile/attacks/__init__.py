"""Every attack, by who plays it. An attack is a function of (node, keys, seconds) that returns a word on what the node answered."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Attack:
    """One way to harm the node or its other tenants."""

    name: str
    # Number of the finding in the review that first described it, for the report.
    finding: str
    run: Callable
    # Bytes that the node may grow by at its peak; None where the growth is bounded by configured caches alone.
    growth_bytes_max: int | None = 256 << 20


@dataclass(frozen=True)
class Keys:
    """What the attacker holds: keys of its own tenant."""

    call: str
    admin: str
