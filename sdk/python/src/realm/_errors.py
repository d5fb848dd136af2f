"""The one error class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RealmError(Exception):
    """Why there is no answer.

    ``code`` is a stable string to compare: the node's (``INVALID_PARAMS``, ``OVERLOADED``, ..), a
    runtime's own, or one of this client's: ``DISCONNECTED`` (the connection was lost and what was asked
    could not be taken up again), ``CANCELLED``, ``DEADLINE_EXCEEDED``, ``SLOW_CONSUMER``, ``PROTOCOL`` (the node
    said something that this client does not understand). ``message`` is for people, ``data`` holds the
    figures that the error is about.
    """

    def __init__(self, code: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.data: dict[str, Any] = dict(data or {})

    @classmethod
    def of_response(cls, error: Any) -> RealmError:
        """The error of a JSON-RPC response: the stable string is in its data."""
        if not isinstance(error, dict):
            return cls("PROTOCOL", f"an error that is no object: {error!r}")
        data = error.get("data")
        data = data if isinstance(data, dict) else {}
        code = data.get("code") or str(error.get("code"))
        return cls(str(code), str(error.get("message")), {name: value for name, value in data.items() if name != "code"})

    @classmethod
    def of_event(cls, error: Any) -> RealmError:
        """The error of a stream's last event: the stable string is its code."""
        if not isinstance(error, dict):
            return cls("PROTOCOL", f"an error that is no object: {error!r}")
        return cls(str(error.get("code")), str(error.get("message")), error.get("data") or {})


def disconnected(what: str) -> RealmError:
    return RealmError("DISCONNECTED", what)
