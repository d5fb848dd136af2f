"""The calls of a client: how each begins, is taken up again on another connection, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ._calls import Asked, Call, Scale
from ._connection import RESUME, Connection
from ._errors import RealmError, disconnected
from ._link import Link
from ._runtime import Runtime, streaming_name
from ._runtimes import Runtimes
from ._settings import Settings

DEADLINE_GRACE = 5.0
"""Seconds that the node gets to say itself that a call's time is over."""
FINISH_WAIT_MAX = 1.0
"""Seconds that the node gets to hear of the last calls that are cancelled."""


class Caller:
    """Runs the calls of one client over its connection."""

    def __init__(self, connection: Connection, runtimes: Runtimes, settings: Settings, tenant_id: str | None) -> None:
        self._connection = connection
        self._runtimes = runtimes
        self._settings = settings
        self._tenant_id = tenant_id
        self._running: set[Call] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, asked: Asked, *, keeps_items: bool) -> Call:
        """Makes a call. How it goes on is told to whoever waits for its news."""
        call = Call(asked, keeps_items, self._settings.stream_events_max, self._running.discard, self._spawn)
        self._running.add(call)
        if asked.timeout is not None:
            figures = {"deadline_ms": asked.options["deadline_ms"]}
            late = RealmError("DEADLINE_EXCEEDED", f"no answer within {asked.timeout} s", figures)
            call.limit = asyncio.get_running_loop().call_later(asked.timeout + DEADLINE_GRACE, call.fail, late)
        self._spawn(self._start(call))
        return call

    def lost(self) -> None:
        """The connection was lost, and with it the calls that cannot be taken up again."""
        for call in list(self._running):
            if call.link is None:
                continue
            call.link = call.subscription = None
            if call.resume_id is None or not call.asked.resumable or not self._settings.reconnect:
                call.fail(disconnected("the connection was lost while the call ran"))

    def back(self, link: Link) -> None:
        """There is another connection: the calls that were cut go on over it."""
        for call in list(self._running):
            if call.resume_id is not None:
                call.link = link
                self._spawn(self._resume(call, link))

    def fail(self, error: RealmError) -> None:
        """Ends all calls."""
        for call in list(self._running):
            call.fail(error)

    async def finish(self) -> None:
        """Waits until the node was told which calls are not wanted any more: some would outlive the connection."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FINISH_WAIT_MAX)

    def stop(self) -> None:
        """Leaves what is still to be told untold."""
        for task in list(self._tasks):
            task.cancel()

    async def _start(self, call: Call) -> None:
        may_write_again = call.asked.in_scale and "runtime" not in call.asked.options
        try:
            while not call.ended:
                link = await self._connection.ready()
                try:
                    params = await self._written(call)
                except RealmError as error:
                    if error.code != "DISCONNECTED":
                        raise
                    # Nothing but metadata was asked for yet.
                    await link.ended()
                    continue
                if call.ended:
                    return
                call.link = link
                try:
                    subscription = str(await link.request("realm_subscribe", params, call.take))
                except RealmError as error:
                    call.link = None
                    if error.data.get("sent") is False:
                        # It never left, so it may be sent again.
                        continue
                    if error.code == "RUNTIME_CHANGED" and may_write_again and call.scale is not None:
                        # It was refused and not executed, so it may be written by the new types and sent once more.
                        may_write_again = False
                        self._runtimes.outdated(call.scale.runtime)
                        continue
                    raise
                self._attach(call, link, subscription)
                return
        except RealmError as error:
            call.fail(error)
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            call.fail(RealmError("INVALID_PARAMS", f"the parameters cannot be written: {error}"))

    async def _written(self, call: Call) -> list[Any]:
        """The request's parameters: as they are, or in SCALE for the runtime in force and no other."""
        asked = call.asked
        call.function = asked.function
        if not asked.in_scale:
            if call.keeps_items:
                call.function = streaming_name(await self._runtimes.functions(), asked.function)
            return [call.function, asked.params, asked.options]

        def write(runtime: Runtime) -> tuple[Scale, str]:
            _check_pin(asked, runtime)
            function = runtime.function(asked.function)
            if call.keeps_items:
                function = runtime.streaming(function)
            return Scale(runtime, function), runtime.encode_params(function, asked.params)

        scale, params = await self._runtimes.by_types(write)
        call.scale, call.function = scale, scale.function.full_name
        return [scale.function.full_name, params, {**asked.options, "runtime": scale.runtime.metadata_hash}]

    async def _resume(self, call: Call, link: Link) -> None:
        try:
            tenant = [] if self._tenant_id is None else [{"tenant_id": self._tenant_id}]
            subscription = str(await link.request(RESUME, [call.resume_id, call.next_seq, *tenant], call.take))
            self._attach(call, link, subscription)
        except RealmError as error:
            # If this connection is lost too, the next one is another chance.
            if error.code != "DISCONNECTED":
                why = f"the connection was lost, and the node cannot go on with the stream: {error.message}"
                call.fail(RealmError("DISCONNECTED", why, {**error.data, "cause": error.code}))

    def _attach(self, call: Call, link: Link, subscription: str) -> None:
        if not call.ended:
            call.attach(link, subscription)
        elif call.error is not None:
            # It ended from this side while the node was asked; what runs there must end, too.
            self._spawn(link.unsubscribe("realm_unsubscribe", subscription))
        else:
            link.forget(subscription)
            call.resume_id = call.resume_id or subscription

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _check_pin(asked: Asked, runtime: Runtime) -> None:
    """Raises RealmError RUNTIME_CHANGED if the caller wants another runtime or none."""
    pinned = asked.options.get("runtime")
    if pinned is not None and pinned.lower() != runtime.metadata_hash:
        text = f"the runtime in force is {runtime.spec_name} version {runtime.spec_version}"
        about = {"metadata_hash": runtime.metadata_hash, "spec_name": runtime.spec_name, "spec_version": runtime.spec_version}
        raise RealmError("RUNTIME_CHANGED", text, about)
