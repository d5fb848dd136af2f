"""A connection to a node that is made anew when it is lost: one :class:`Link` after another.

    connect ──► link ──lost──► wait, longer each time ──► link ──► ..
                  │                     │
                  └── ready() ◄─────────┴── given up: over, with the error that everybody gets from then on
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from ._errors import RealmError, disconnected
from ._link import Link
from ._settings import Settings

logger = logging.getLogger("realm")

RESUME = "realm_resume"
REFUSALS = {400: "INVALID_PARAMS", 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 429: "RATE_LIMIT"}
"""What a node means by the status with which it refuses a connection."""
NO_USE = frozenset({"UNAUTHENTICATED", "FORBIDDEN", "INVALID_PARAMS"})
"""Errors of connecting that another attempt would meet again."""


@dataclass(frozen=True)
class Hooks:
    """Whom a connection tells what happens to it."""

    lost: Callable[[], None]
    back: Callable[[Link], None]
    """It was made anew."""
    over: Callable[[RealmError], None]
    """It was given up."""
    version: Callable[[Any], None]
    """The node told its runtime's version: for each link once, and whenever it changes."""


class Connection:
    """Stays connected from :meth:`connect` to :meth:`stop`, or until it is given up."""

    def __init__(self, url: str, api_key: str | None, settings: Settings, hooks: Hooks) -> None:
        self._url = url
        self._api_key = api_key
        self._settings = settings
        self._hooks = hooks
        self._link: Link | None = None
        self._changed = asyncio.Event()
        self._over: RealmError | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.can_resume = False
        """Whether the node can go on with streams."""

    async def connect(self) -> None:
        """Raises RealmError if the first attempt fails."""
        if self._supervisor is not None:
            raise RealmError("INVALID_PARAMS", "the client is connected already")
        self._over = None
        self._link = await self._open()
        self._supervisor = asyncio.create_task(self._supervise())

    async def reconnect(self) -> None:
        """Gives up the link and waits for another."""
        link = self._link
        if link is not None and link.is_open:
            await link.close()
        # The supervisor has to see it, too.
        while self._link is link and self._over is None:
            await self._changed.wait()
        await self.ready()

    async def ready(self) -> Link:
        """The link, once there is one. Raises RealmError if there will be none."""
        while True:
            if self._over is not None:
                raise RealmError(self._over.code, self._over.message, self._over.data)
            if self._supervisor is None:
                raise disconnected("the client is not connected; call connect()")
            if self._link is not None and self._link.is_open:
                return self._link
            await self._changed.wait()

    async def stop(self, why: RealmError) -> None:
        """Makes no more links, and is over; the one there is stays until :meth:`close`."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait([supervisor])
        self._give_up(why)

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _open(self) -> Link:
        try:
            link = await Link.open(self._url, self._api_key, self._settings)
        except InvalidStatus as error:
            status = error.response.status_code
            body = error.response.body.decode(errors="replace") if error.response.body else ""
            code = REFUSALS.get(status, "DISCONNECTED")
            raise RealmError(code, f"{self._url} answered with status {status}: {body[:500]}") from None
        except (OSError, InvalidURI, InvalidHandshake, WebSocketException, TimeoutError, asyncio.TimeoutError) as error:
            raise disconnected(f"cannot connect to {self._url}: {error or 'it does not answer'}") from None
        try:
            await link.request("state_subscribeRuntimeVersion", [], self._hooks.version)
            methods = await link.request("rpc_methods", [])
            self.can_resume = RESUME in methods["methods"]
        except RealmError:
            await link.close()
            raise
        return link

    async def _supervise(self) -> None:
        while True:
            link = self._link
            if link is not None:
                await link.ended()
            self._link = None
            self._notify()
            self._hooks.lost()
            if not self._settings.reconnect:
                self._give_up(disconnected("the connection was lost"))
                return
            failures = 0
            while self._link is None:
                failures += 1
                await asyncio.sleep(self._settings.backoff(failures))
                try:
                    self._link = await self._open()
                except RealmError as error:
                    logger.debug("attempt %s to connect failed: %s", failures, error)
                    attempts_max = self._settings.attempts_max
                    if error.code in NO_USE or (attempts_max is not None and failures >= attempts_max):
                        self._give_up(error)
                        return
            self._notify()
            self._hooks.back(self._link)

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _give_up(self, error: RealmError) -> None:
        self._over = error
        self._hooks.over(error)
        self._notify()
