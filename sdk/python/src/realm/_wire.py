"""Frames: what goes over the wire, and what comes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from ._errors import RealmError

Params = Union[Mapping[str, Any], Sequence[Any], None]


def params_of(params: Params, named: Mapping[str, Any]) -> Params:
    """A call's parameters, which are given as one object or by name. Raises RealmError INVALID_PARAMS if they are both."""
    if not named:
        return params
    if params is not None:
        names = ", ".join(named)
        raise RealmError("INVALID_PARAMS", f"{names}: parameters are given by name and as one object; give all of them one way")
    return named


@dataclass(frozen=True)
class Response:
    """The answer to a request."""

    id: int
    result: Any = None
    error: RealmError | None = None


@dataclass(frozen=True)
class Notification:
    """Something of a subscription."""

    method: str
    subscription: str
    result: Any


@dataclass(frozen=True)
class Event:
    """One event of a stream: an item, or its only end."""

    seq: int
    item: Any = None
    result: Any = None
    error: RealmError | None = None
    last: bool = False

    @classmethod
    def read(cls, event: Any) -> Event:
        """An event out of a notification's result."""
        if not isinstance(event, dict) or not isinstance(event.get("seq"), int):
            raise RealmError("PROTOCOL", f"no event: {_shown(event)}")
        seq, kind = event["seq"], event.get("type")
        if kind == "stream":
            return cls(seq, item=event.get("data"))
        if kind == "result":
            return cls(seq, result=event.get("data"), last=True)
        if kind == "error":
            return cls(seq, error=RealmError.of_event(event.get("error")), last=True)
        raise RealmError("PROTOCOL", f"an event of an unknown type: {_shown(event)}")


def request(id: int, method: str, params: Sequence[Any]) -> str:
    """A request as its frame."""
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, allow_nan=False)


def read(frame: str | bytes) -> Response | Notification:
    """What a frame of the node holds."""
    try:
        message = json.loads(frame)
    except ValueError as error:
        raise RealmError("PROTOCOL", f"a frame that is not JSON: {error}") from None
    if isinstance(message, dict):
        params = message.get("params")
        if isinstance(message.get("method"), str) and isinstance(params, dict) and "subscription" in params:
            return Notification(message["method"], str(params["subscription"]), params.get("result"))
        if isinstance(message.get("id"), int):
            if "error" in message:
                return Response(message["id"], error=RealmError.of_response(message["error"]))
            return Response(message["id"], result=message.get("result"))
        if "error" in message:
            raise RealmError.of_response(message["error"])
    raise RealmError("PROTOCOL", f"a frame of an unknown kind: {_shown(message)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + ".."
