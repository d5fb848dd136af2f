"""The client for asyncio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ._caller import Caller
from ._calls import Asked
from ._connection import Connection, Hooks
from ._errors import RealmError
from ._link import Link
from ._runtime import Runtime
from ._runtimes import Runtimes
from ._settings import Settings
from ._stream import AsyncStream
from ._wire import Params, params_of

if TYPE_CHECKING:
    from typing_extensions import Self

logger = logging.getLogger("realm")

Encoding: TypeAlias = Literal["json", "scale"]
"""How parameters, items and results are written on the wire."""
EventName: TypeAlias = Literal["disconnect", "reconnect", "runtime_changed", "close"]
Handler: TypeAlias = Callable[[Any], object]

METADATA = "system_metadata"


class AsyncRealmClient:
    """A connection to a node that is made anew when it is lost.

    ``api_key`` says who one is, ``tenant_id`` as whom to call where that leaves a choice. ``timeout`` is the time
    limit in seconds of calls that have none of their own; by default the node's. ``encoding`` is how calls are written
    that do not say it themselves; the values are the same with both.
    """

    def __init__(
        self,
        ws_url: str = "ws://127.0.0.1:9944",
        *,
        api_key: str | None = None,
        tenant_id: str | None = None,
        timeout: float | None = None,
        encoding: Encoding = "json",
        settings: Settings | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._timeout = timeout
        self._encoding = _checked(encoding)
        self._settings = settings or Settings()
        hooks = Hooks(lost=self._lost, back=self._back, over=self._give_up, version=self._see_version)
        self._connection = Connection(ws_url, api_key, tenant_id, self._settings, hooks)
        self._runtimes = Runtimes(self.request, tenant_id)
        self._caller = Caller(self._connection, self._runtimes, self._settings, tenant_id)
        self._handlers: dict[str, list[Handler]] = {}
        self._handling: set[asyncio.Task[None]] = set()
        self._version: dict[str, Any] | None = None

    # Connecting.

    async def connect(self) -> None:
        """Connects. Raises RealmError (DISCONNECTED, UNAUTHENTICATED, ..) if that fails; from then on,
        a lost connection is replaced."""
        await self._connection.connect()

    async def reconnect(self) -> None:
        """Replaces the connection; streams go on over the new one. Also opens one where the client has none: before
        ``connect``, and after the connection was given up, but not after ``close``. Raises RealmError if there will be none."""
        await self._connection.reconnect()

    async def close(self) -> None:
        """Ends all calls and the connection."""
        await self._connection.stop(RealmError("CANCELLED", "the client was closed"))
        await self._caller.finish()
        await self._connection.close()
        self._caller.stop()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    # Calling.

    async def call(
        self,
        function: str,
        params: Params = None,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        runtime: str | None = None,
        encoding: Encoding | None = None,
        **named: Any,
    ) -> Any:
        """Calls a function and waits for its result. Cancelling this ends the call on the node.

        The function's parameters are one mapping, or arguments by name; those that are called like an option here
        (``timeout``, ..) only fit into the mapping. ``runtime`` is the metadata hash of the only runtime to call. A call whose connection is lost is not made again,
        because it may have been executed: it raises RealmError DISCONNECTED.
        """
        if function == METADATA:
            return await self.metadata()
        asked = self._asked(function, params_of(params, named), timeout, encoding, id=request_id, runtime=runtime)
        stream = AsyncStream(self._caller.begin(asked, keeps_items=False), self._runtimes)
        try:
            return await stream.result()
        finally:
            await stream.cancel()

    def stream(
        self,
        function: str,
        params: Params = None,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        runtime: str | None = None,
        encoding: Encoding | None = None,
        resumable: bool | None = None,
        **named: Any,
    ) -> AsyncStream:
        """Calls a function and gives its items as they come. A stream whose connection is lost goes on where it
        stopped; if the node cannot do that, it ends with RealmError DISCONNECTED.

        A function that streams nothing is called by its streaming twin, if the runtime has one: ``stream_generate`` of
        ``generate``, with the same parameters and result. Parameters are given as to :meth:`call`.
        ``resumable`` is by default what the settings say, where the node can do it at all."""
        wanted = (self._settings.resumable and self._connection.can_resume) if resumable is None else resumable
        given = params_of(params, named)
        asked = self._asked(function, given, timeout, encoding, id=request_id, runtime=runtime, resumable=wanted or None)
        return AsyncStream(self._caller.begin(asked, keeps_items=True), self._runtimes)

    async def runtime(self) -> Runtime:
        """The functions and types of the runtime in force, by its own metadata. That is fetched once, and anew when the
        runtime changed."""
        return await self._runtimes.latest()

    async def metadata(self) -> dict[str, Any]:
        """What ``system_metadata`` tells of the functions and types of the runtime in force."""
        document: dict[str, Any] = await self.request(METADATA, [])
        return document

    async def request(self, method: str, params: list[Any] | None = None) -> Any:
        """Any other JSON-RPC method of the node, for example ``system_health``."""
        return await (await self._connection.ready()).request(method, params or [])

    def on(self, event: EventName, handler: Handler) -> Callable[[], None]:
        """Calls ``handler`` on each event, in the thread of the event loop; the function given back ends that.

        ``disconnect`` (None), ``reconnect`` (None), ``runtime_changed`` (the new runtime's version, as
        ``state_getRuntimeVersion`` returns it), ``close`` (the RealmError for which the connection was closed or given up;
        only ``connect`` and ``reconnect`` open another).

        A handler may be a coroutine function; it then runs as a task. A RealmError that it raises is dropped, because
        ``close`` reports why there is no connection; so ``client.on("disconnect", lambda _: client.reconnect())`` is safe.
        """
        handlers = self._handlers.setdefault(event, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler) if handler in handlers else None

    def _asked(self, function: str, params: Params, timeout: float | None, encoding: Encoding | None, **options: Any) -> Asked:
        limit = self._timeout if timeout is None else timeout
        options["tenant_id"] = self._tenant_id
        options["deadline_ms"] = None if limit is None else max(1, round(limit * 1000))
        given = {name: value for name, value in options.items() if value is not None}
        # The node's own method calls like a function of the runtime, and is not in the runtime's SCALE metadata.
        in_scale = function != METADATA and (self._encoding if encoding is None else _checked(encoding)) == "scale"
        return Asked(function, params, given, limit, in_scale)

    # What happens to the connection, and what the node tells by itself.

    def _lost(self) -> None:
        self._caller.lost()
        self._tell("disconnect", None)

    def _back(self, link: Link) -> None:
        self._caller.back(link)
        self._tell("reconnect", None)

    def _give_up(self, error: RealmError) -> None:
        self._caller.fail(error)
        self._tell("close", error)

    def _see_version(self, version: Any) -> None:
        if not isinstance(version, dict):
            return
        before, self._version = self._version, version
        if before is not None and any(before.get(name) != version.get(name) for name in ("specName", "specVersion")):
            self._runtimes.changed()
            self._tell("runtime_changed", version)

    def _tell(self, event: EventName, value: Any) -> None:
        for handler in list(self._handlers.get(event, ())):
            try:
                returned = handler(value)
                if asyncio.iscoroutine(returned):
                    self._spawn(event, returned)
            except Exception:
                logger.exception("a handler of %s failed", event)

    def _spawn(self, event: EventName, work: Coroutine[Any, Any, Any]) -> None:
        """Runs what a handler began."""

        async def run() -> None:
            try:
                await work
            except RealmError as error:
                logger.debug("a handler of %s: %s", event, error)
            except Exception:
                logger.exception("a handler of %s failed", event)

        task = asyncio.ensure_future(run())
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)


def _checked(encoding: Encoding) -> Encoding:
    if encoding not in get_args(Encoding):
        raise RealmError("INVALID_PARAMS", f"encoding: expected one of {get_args(Encoding)}, got {encoding!r}")
    return encoding
