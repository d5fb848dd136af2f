"""The client for asyncio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal

from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from ._arrays import arrays
from ._calls import Asked, Call
from ._errors import RealmError, disconnected
from ._link import Link
from ._settings import Settings
from ._wire import Params

logger = logging.getLogger("realm")

EventName = Literal["disconnect", "reconnect", "runtime_changed"]
Handler = Callable[[Any], None]

METADATA = "system_metadata"
RESUME = "realm_resume"
DEADLINE_GRACE = 5.0
"""Seconds that the node gets to say itself that a call's time is over."""
CLOSE_WAIT_MAX = 1.0
"""Seconds that the node gets to hear of the last calls that are cancelled."""
NO_USE = frozenset({"UNAUTHENTICATED", "FORBIDDEN", "INVALID_PARAMS"})
"""Errors of connecting that another attempt would meet again."""


class AsyncStream:
    """The items of a call as they come: ``async for item in stream``, then ``await stream.result()``.

    It starts when it is made. Leaving it early (``async with``, or :meth:`cancel`) ends the call on the node.
    """

    def __init__(self, client: AsyncRealmClient, call: Call, start: asyncio.Task[None]) -> None:
        self._client = client
        self._call = call
        self._start = start

    @property
    def id(self) -> str | None:
        """The id that ``realm_resume`` knows it by; None before the node has answered."""
        return self._call.resume_id

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Any:
        call = self._call
        while not call.items:
            if call.ended:
                if call.error is not None:
                    raise call.error
                raise StopAsyncIteration
            call.news.clear()
            await call.news.wait()
        return call.items.popleft()

    async def result(self) -> Any:
        """What the function returned, once it has. Items that were not read stay to be read.

        Raises RealmError if the call failed.
        """
        call = self._call
        while not call.ended:
            call.news.clear()
            await call.news.wait()
        if call.error is not None:
            raise call.error
        return await self._client._shaped(call.asked.function, call.result)

    async def cancel(self) -> None:
        """Ends the call, on the node too. A call that is over stays as it is."""
        self._call.fail(RealmError("CANCELLED", "the call was cancelled by its caller"))

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.cancel()


class AsyncRealmClient:
    """A connection to a node that is made anew when it is lost.

    ``api_key`` says who one is, ``tenant_id`` as whom to call where that leaves a choice. ``timeout`` is the time
    limit in seconds of calls that have none of their own; by default the node's.
    """

    def __init__(
        self,
        ws_url: str = "ws://127.0.0.1:9944",
        *,
        api_key: str | None = None,
        tenant_id: str | None = None,
        timeout: float | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._url = ws_url
        self._api_key = api_key
        self._tenant_id = tenant_id
        self._timeout = timeout
        self._settings = settings or Settings()
        self._link: Link | None = None
        self._changed = asyncio.Event()
        self._over: RealmError | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._running: set[Call] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._handlers: dict[str, list[Handler]] = {}
        self._runtime: dict[str, Any] | None = None
        self._returns: dict[str, str] | None = None
        self._can_resume = False

    # Connecting.

    async def connect(self) -> None:
        """Connects. Raises RealmError (DISCONNECTED, UNAUTHENTICATED, ..) if that fails; once it has been made,
        a connection that is lost is made anew by itself."""
        if self._supervisor is not None:
            raise RealmError("INVALID_PARAMS", "the client is connected already")
        self._over = None
        self._link = await self._open()
        self._supervisor = asyncio.create_task(self._supervise())

    async def reconnect(self) -> None:
        """Gives up the connection and makes another. Streams are taken up again."""
        link = self._link
        if link is not None and link.is_open:
            await link.close()
        # The supervisor has to see it, too.
        while self._link is link and self._over is None:
            await self._wait_for_change()
        await self._ready()

    async def close(self) -> None:
        """Ends all calls and the connection."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait([supervisor])
        self._give_up(RealmError("CANCELLED", "the client was closed"))
        if self._link is not None:
            if self._tasks:
                # The node is told which calls are not wanted any more: some would outlive the connection.
                await asyncio.wait(self._tasks, timeout=CLOSE_WAIT_MAX)
            await self._link.close()
            self._link = None
        for task in list(self._tasks):
            task.cancel()

    async def __aenter__(self) -> AsyncRealmClient:
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
    ) -> Any:
        """Calls a function and waits for its result. Cancelling this ends the call on the node.

        A call whose connection is lost is not made again, because it may have been executed: it raises
        RealmError DISCONNECTED.
        """
        if function == METADATA:
            return await self.metadata()
        call, _ = self._begin(function, params, timeout, request_id, runtime, resumable=False, keeps_items=False)
        stream = AsyncStream(self, call, _)
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
        resumable: bool | None = None,
    ) -> AsyncStream:
        """Calls a function and gives its items as they come. A stream whose connection is lost goes on where it
        stopped; if the node cannot do that, it ends with RealmError DISCONNECTED.

        ``resumable`` is by default what the settings say, where the node can do it at all."""
        wanted = (self._settings.resumable and self._can_resume) if resumable is None else resumable
        call, start = self._begin(function, params, timeout, request_id, runtime, resumable=wanted, keeps_items=True)
        return AsyncStream(self, call, start)

    async def metadata(self) -> dict[str, Any]:
        """What can be called: functions and types of the runtime in force."""
        document: dict[str, Any] = await self.request(METADATA, [])
        return document

    async def request(self, method: str, params: list[Any] | None = None) -> Any:
        """Any other JSON-RPC method of the node, for example ``system_health``."""
        return await (await self._ready()).request(method, params or [])

    def on(self, event: EventName, handler: Handler) -> Callable[[], None]:
        """Calls ``handler`` on each event, in the thread of the event loop; the function given back ends that.

        ``disconnect`` (None), ``reconnect`` (None), ``runtime_changed`` (the new runtime's version, as
        ``state_getRuntimeVersion`` tells it).
        """
        handlers = self._handlers.setdefault(event, [])
        handlers.append(handler)
        return lambda: handlers.remove(handler) if handler in handlers else None

    # How a call is made, and taken up again.

    def _begin(
        self,
        function: str,
        params: Params,
        timeout: float | None,
        request_id: str | None,
        runtime: str | None,
        *,
        resumable: bool,
        keeps_items: bool,
    ) -> tuple[Call, asyncio.Task[None]]:
        timeout = self._timeout if timeout is None else timeout
        options = {
            "id": request_id,
            "tenant_id": self._tenant_id,
            "deadline_ms": None if timeout is None else max(1, round(timeout * 1000)),
            "runtime": runtime,
            "resumable": True if resumable else None,
        }
        asked = Asked(function, params, {name: value for name, value in options.items() if value is not None})
        call = Call(asked, keeps_items, self._settings.stream_events_max, self._running.discard, self._spawn)
        self._running.add(call)
        if timeout is not None:
            late = RealmError("DEADLINE_EXCEEDED", f"no answer within {timeout} s", {"deadline_ms": options["deadline_ms"]})
            call.limit = asyncio.get_running_loop().call_later(timeout + DEADLINE_GRACE, call.fail, late)
        return call, self._spawn(self._start(call))

    async def _start(self, call: Call) -> None:
        asked = call.asked
        try:
            while not call.ended:
                link = await self._ready()
                call.link = link
                try:
                    params = [asked.function, asked.params, asked.options]
                    subscription = str(await link.request("realm_subscribe", params, call.take))
                except RealmError as error:
                    if error.data.get("sent") is False:
                        # It never left, so it may be sent again.
                        continue
                    raise
                self._attach(call, link, subscription)
                return
        except RealmError as error:
            call.fail(error)
        except (TypeError, ValueError) as error:
            call.fail(RealmError("INVALID_PARAMS", f"the parameters cannot be written as JSON: {error}"))

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

    def _lost(self) -> None:
        for call in list(self._running):
            if call.link is None:
                continue
            call.link = call.subscription = None
            if call.resume_id is None or not call.asked.resumable or not self._settings.reconnect:
                call.fail(disconnected("the connection was lost while the call ran"))

    # Staying connected.

    async def _open(self) -> Link:
        try:
            link = await Link.open(self._url, self._api_key, self._settings)
        except InvalidStatus as error:
            status = error.response.status_code
            code = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 400: "INVALID_PARAMS", 429: "RATE_LIMIT"}.get(status, "DISCONNECTED")
            body = error.response.body.decode(errors="replace") if error.response.body else ""
            raise RealmError(code, f"{self._url} answered with status {status}: {body[:500]}") from None
        except (OSError, InvalidURI, InvalidHandshake, WebSocketException, TimeoutError, asyncio.TimeoutError) as error:
            raise disconnected(f"cannot connect to {self._url}: {error or 'it does not answer'}") from None
        try:
            await link.request("state_subscribeRuntimeVersion", [], self._see_runtime)
            methods = await link.request("rpc_methods", [])
            self._can_resume = RESUME in methods["methods"]
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
            self._lost()
            self._notify()
            self._tell("disconnect", None)
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
            for call in list(self._running):
                if call.resume_id is not None:
                    call.link = self._link
                    self._spawn(self._resume(call, self._link))
            self._notify()
            self._tell("reconnect", None)

    async def _ready(self) -> Link:
        """The connection, once there is one."""
        while True:
            if self._over is not None:
                raise RealmError(self._over.code, self._over.message, self._over.data)
            if self._supervisor is None:
                raise disconnected("the client is not connected; call connect()")
            if self._link is not None and self._link.is_open:
                return self._link
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        await self._changed.wait()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _give_up(self, error: RealmError) -> None:
        self._over = error
        for call in list(self._running):
            call.fail(error)
        self._notify()

    # What the node tells by itself.

    def _see_runtime(self, version: Any) -> None:
        if not isinstance(version, dict):
            return
        before, self._runtime = self._runtime, version
        if before is not None and (before.get("specName"), before.get("specVersion")) != (version.get("specName"), version.get("specVersion")):
            self._returns = None
            self._tell("runtime_changed", version)

    async def _shaped(self, function: str, result: Any) -> Any:
        if not isinstance(result, list):
            return result
        if self._returns is None:
            functions = (await self.metadata())["functions"]
            self._returns = {known["name"]: known["returns"] for known in functions}
        return arrays(result, self._returns.get(function))

    def _tell(self, event: EventName, value: Any) -> None:
        for handler in list(self._handlers.get(event, ())):
            try:
                handler(value)
            except Exception:
                logger.exception("a handler of %s failed", event)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
