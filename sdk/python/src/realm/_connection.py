"""A connection to a node that is replaced when it is lost: one :class:`Link` after another.

    connect ──► link ──lost──► wait, longer each time ──► link ──► ..
                  │                     │
                  └── ready() ◄─────────┴── given up: over, with the error that calls get until connect or reconnect
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from ._errors import RealmError, disconnected
from ._link import Link
from ._settings import Settings

logger = logging.getLogger("realm")

State: TypeAlias = Literal["new", "connected", "over"]
RESUME = "realm_resume"
REFUSALS = {400: "INVALID_PARAMS", 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 429: "RATE_LIMIT"}
"""What a node means by the status with which it refuses a connection."""
NO_USE = frozenset({"UNAUTHENTICATED", "FORBIDDEN", "INVALID_PARAMS"})
"""Errors of connecting that another attempt would get again."""


@dataclass(frozen=True)
class Hooks:
    """Is told what happens to a connection."""

    lost: Callable[[], None]
    back: Callable[[Link], None]
    """The link was replaced."""
    over: Callable[[RealmError], None]
    """The connection was closed or given up."""
    version: Callable[[Any], None]
    """The node sent its runtime's version: for each link once, and whenever it changes."""


class Connection:
    """Stays connected from :meth:`connect` to :meth:`stop`, or until it is given up."""

    def __init__(self, url: str, api_key: str | None, tenant_id: str | None, settings: Settings, hooks: Hooks) -> None:
        self._url = url
        self._api_key = api_key
        self._tenant_id = tenant_id
        self._settings = settings
        self._hooks = hooks
        self._link: Link | None = None
        self._changed = asyncio.Event()
        self._state: State = "new"
        self._over = disconnected("the client is not connected; call connect()")
        self._closed = False
        self._series = 0
        """Counts what ends the current series of links, so that what belongs to an earlier series stops."""
        self._another_wanted = False
        """Whether ``reconnect`` was called since the link was lost: then another is made also where settings say no."""
        self._supervisor: asyncio.Task[None] | None = None
        self.can_resume = False
        """Whether the node can go on with streams."""

    async def connect(self) -> None:
        """Raises RealmError if the first attempt fails."""
        if self._state == "connected":
            raise RealmError("INVALID_PARAMS", "the client is connected already")
        await self._begin()

    async def reconnect(self) -> None:
        """Replaces the link, in any state but after :meth:`stop`."""
        if self._state != "connected":
            if self._closed:
                raise self._why_over()
            is_first = self._state == "new"
            made = await self._begin()
            if not is_first:
                self._hooks.back(made)
            return
        link = self._link
        self._another_wanted = True
        if link is not None:
            link.drop()
            # The supervisor has to see it, too.
            while self._link is link and self._state == "connected":
                await self._changed.wait()
        await self.ready()

    async def ready(self) -> Link:
        """The link, once there is one. Raises RealmError if there will be none."""
        while True:
            if self._state != "connected":
                raise self._why_over()
            if self._link is not None and self._link.is_open:
                return self._link
            await self._changed.wait()

    async def stop(self, why: RealmError) -> None:
        """Makes no more links, and is over; the one there is stays until :meth:`close`."""
        self._closed = True
        supervisor, self._supervisor = self._supervisor, None
        self._give_up(why)
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait([supervisor])

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _begin(self) -> Link:
        """The first link of a series. One attempt: its error is the caller's."""
        before = self._state
        self._series += 1
        series = self._series
        self._state = "connected"
        self._closed = self._another_wanted = False
        try:
            link = await self._open()
        except BaseException as error:
            if series == self._series:
                self._state = before
                if isinstance(error, RealmError):
                    self._over = error
                self._notify()
            raise
        if series != self._series:
            await link.close()
            raise self._why_over()
        self._link = link
        self._notify()
        self._supervisor = asyncio.create_task(self._supervise(series))
        return link

    async def _open(self) -> Link:
        try:
            link = await Link.open(self._url, self._api_key, self._tenant_id, self._settings)
        except InvalidStatus as error:
            status = error.response.status_code
            body = error.response.body.decode(errors="replace") if error.response.body else ""
            code = REFUSALS.get(status, "DISCONNECTED")
            raise RealmError(code, f"{self._url} answered with status {status}: {body[:500]}") from None
        except (OSError, InvalidURI, InvalidHandshake, WebSocketException, TimeoutError, asyncio.TimeoutError) as error:
            raise disconnected(f"cannot connect to {self._url}: {error or 'it does not answer'}") from None
        # A connection may go silent right after the handshake.
        late = asyncio.get_running_loop().call_later(self._settings.connect_timeout, link.drop)
        try:
            await link.request("state_subscribeRuntimeVersion", [], self._hooks.version)
            methods = await link.request("rpc_methods", [])
            self.can_resume = RESUME in methods["methods"]
        except BaseException:
            await link.close()
            raise
        finally:
            late.cancel()
        return link

    async def _supervise(self, series: int) -> None:
        while series == self._series:
            link = self._link
            if link is not None:
                await link.ended()
            self._link = None
            self._another_wanted = self._another_wanted or self._settings.reconnect
            self._notify()
            self._hooks.lost()
            # A handler may ask for another link by a task of its own, which has its turn first.
            await asyncio.sleep(0)
            if not self._another_wanted:
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
            self._another_wanted = False
            self._notify()
            self._hooks.back(self._link)

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _give_up(self, error: RealmError) -> None:
        known = self._state == "over"
        self._series += 1
        self._state, self._over = "over", error
        if not known:
            self._hooks.over(error)
        self._notify()

    def _why_over(self) -> RealmError:
        return RealmError(self._over.code, self._over.message, self._over.data)
