"""One WebSocket, from its first frame to its last: requests and their answers, subscriptions and their
notifications. It ends once and is never used again; a new connection is a new link."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from . import _wire
from ._errors import RealmError, disconnected
from ._settings import Settings

logger = logging.getLogger("realm")

TENANT_HEADER = "x-realm-tenant"
"""Names the tenant to proxies, which keep each tenant on one node by it. It decides nothing else."""
Route = Callable[[Any], None]
"""Takes the results of a subscription's notifications, one after another."""


@dataclass
class _Pending:
    answer: asyncio.Future[Any]
    route: Route | None
    """Where the notifications of the subscription go that the answer names."""


class Link:
    """An open connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._routes: dict[str, Route] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, api_key: str | None, tenant_id: str | None, settings: Settings) -> Link:
        """Connects. Key and tenant go in headers, never in the address, because addresses end up in logs."""
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        if tenant_id is not None:
            headers[TENANT_HEADER] = tenant_id
        socket = await connect(
            url,
            additional_headers=headers,
            open_timeout=settings.connect_timeout,
            ping_interval=settings.ping_interval,
            ping_timeout=settings.ping_interval,
            close_timeout=1,
            max_size=settings.frame_bytes_max,
            proxy=None,
        )
        return cls(socket)

    @property
    def is_open(self) -> bool:
        return not self._reading.done()

    async def ended(self) -> None:
        """Returns when the connection is over, for whatever reason."""
        await asyncio.wait([self._reading])

    async def close(self) -> None:
        await self._socket.close()
        await self.ended()

    def drop(self) -> None:
        """Gives the connection up without waiting for the node, which may not hear anything any more."""
        self._socket.transport.abort()

    async def request(self, method: str, params: Sequence[Any], route: Route | None = None) -> Any:
        """Asks and waits for the answer. With ``route`` the answer is a subscription's id, and whatever
        comes for it goes there, from the very first on."""
        if not self.is_open:
            raise RealmError("DISCONNECTED", "the connection is lost", {"sent": False})
        id = next(self._ids)
        frame = _wire.request(id, method, params)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[id] = _Pending(answer, route)
        try:
            await self._socket.send(frame)
            return await answer
        except WebSocketException:
            raise disconnected("the connection was lost while a request was sent") from None
        finally:
            # Who stops waiting for a subscription's id leaves the entry, so that what comes can be ended.
            if answer.done() and not answer.cancelled() or route is None:
                self._pending.pop(id, None)

    async def unsubscribe(self, method: str, subscription: str) -> None:
        """Ends a subscription; nothing of it is routed from here on. What the node says to that changes nothing."""
        self._routes.pop(subscription, None)
        with contextlib.suppress(RealmError):
            await self.request(method, [subscription])

    def forget(self, subscription: str) -> None:
        """The subscription is over on its own."""
        self._routes.pop(subscription, None)

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                self._take(_wire.read(frame))
        except (WebSocketException, OSError) as error:
            logger.debug("the connection is lost: %s", error)
        except RealmError as error:
            # A node that is not understood is as good as none.
            logger.warning("the connection is given up: %s", error)
        finally:
            for pending in self._pending.values():
                if not pending.answer.done():
                    pending.answer.set_exception(disconnected("the connection was lost before the answer came"))
                    # Nobody may be waiting.
                    pending.answer.exception()
            self._pending.clear()
            self._routes.clear()
            self._socket.transport.abort()

    def _take(self, message: _wire.Response | _wire.Notification) -> None:
        if isinstance(message, _wire.Notification):
            route = self._routes.get(message.subscription)
            if route is not None:
                route(message.result)
            return
        pending = self._pending.pop(message.id, None)
        if pending is None:
            return
        if pending.answer.cancelled():
            self._end_unwanted(message)
        elif message.error is not None:
            pending.answer.set_exception(message.error)
        else:
            if pending.route is not None:
                self._routes[str(message.result)] = pending.route
            pending.answer.set_result(message.result)

    def _end_unwanted(self, message: _wire.Response) -> None:
        """A subscription that was made although its caller had left."""
        if message.error is None and isinstance(message.result, str):
            ending = asyncio.ensure_future(self.unsubscribe("realm_unsubscribe", message.result))
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
