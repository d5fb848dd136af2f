"""The client for plain programs: the asyncio client in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ._async import AsyncRealmClient, Encoding, EventName, Handler
from ._errors import RealmError
from ._runtime import Runtime
from ._settings import Settings
from ._stream import AsyncStream
from ._wire import Params, params_of

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class Stream:
    """The items of a call as they come: ``for item in stream``, then ``stream.result()``.

    Leaving it early (``with``, or :meth:`cancel`) ends the call on the node.
    """

    def __init__(self, client: RealmClient, stream: AsyncStream) -> None:
        self._client = client
        self._stream = stream

    @property
    def id(self) -> str | None:
        """The id that ``realm_resume`` knows it by; None before the node has answered."""
        return self._stream.id

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        try:
            return self._client._wait(self._stream.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def result(self) -> Any:
        """What the function returned, once it has. Raises RealmError if the call failed."""
        return self._client._wait(self._stream.result())

    def cancel(self) -> None:
        """Ends the call, on the node too. A call that is over stays as it is."""
        self._client._wait(self._stream.cancel())

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cancel()


class RealmClient:
    """What :class:`AsyncRealmClient` is, for programs without an event loop. May be used from many threads."""

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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="realm-client", daemon=True)
        self._thread.start()

        async def make() -> AsyncRealmClient:
            return AsyncRealmClient(
                ws_url, api_key=api_key, tenant_id=tenant_id, timeout=timeout, encoding=encoding, settings=settings
            )

        try:
            self._client = self._wait(make())
        except BaseException:
            self._stop()
            raise

    def connect(self) -> None:
        """Connects. Raises RealmError if that fails."""
        self._wait(self._client.connect())

    def reconnect(self) -> None:
        """Replaces the connection, as :meth:`AsyncRealmClient.reconnect` says.

        In a handler of an event, which the client's own thread runs, this only begins it; ``reconnect`` or ``close``
        reports how it went."""
        if threading.current_thread() is self._thread:
            self._client._spawn("disconnect", self._client.reconnect())
            return
        self._wait(self._client.reconnect())

    def close(self) -> None:
        """Ends all calls, the connection, and the client's thread."""
        if self._loop.is_closed():
            return
        self._wait(self._client.close())
        self._stop()

    def __enter__(self) -> Self:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def call(
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
        """Calls a function and waits for its result. Interrupting this (Ctrl-C) ends the call on the node.

        The function's parameters are one mapping, or arguments by name."""
        given = params_of(params, named)
        return self._wait(
            self._client.call(function, given, timeout=timeout, request_id=request_id, runtime=runtime, encoding=encoding)
        )

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
    ) -> Stream:
        """Calls a function and gives its items as they come. A stream whose connection is lost goes on where it
        stopped; if the node cannot do that, it ends with RealmError DISCONNECTED. A function that streams nothing is
        called by its streaming twin, as :meth:`AsyncRealmClient.stream` says."""
        given = params_of(params, named)

        async def make() -> AsyncStream:
            return self._client.stream(
                function,
                given,
                timeout=timeout,
                request_id=request_id,
                runtime=runtime,
                encoding=encoding,
                resumable=resumable,
            )

        return Stream(self, self._wait(make()))

    def runtime(self) -> Runtime:
        """The functions and types of the runtime in force, by its own metadata. That is fetched once, and anew when the
        runtime changed."""
        return self._wait(self._client.runtime())

    def metadata(self) -> dict[str, Any]:
        """What ``system_metadata`` tells of the functions and types of the runtime in force."""
        return self._wait(self._client.metadata())

    def request(self, method: str, params: list[Any] | None = None) -> Any:
        """Any other JSON-RPC method of the node, for example ``system_health``."""
        return self._wait(self._client.request(method, params))

    def on(self, event: EventName, handler: Handler) -> Callable[[], None]:
        """Calls ``handler`` on each event of :meth:`AsyncRealmClient.on`, in the client's thread: it must not wait for this
        client, but may call ``reconnect``."""
        return self._client.on(event, handler)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop.is_closed():
            work.close()
            raise RealmError("CANCELLED", "the client was closed")
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a handler of the client must not wait for it")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C, mostly: what is not over must not go on unseen.
            future.cancel()
            raise
