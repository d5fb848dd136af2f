"""The items of a call, for asyncio."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ._calls import Call
from ._errors import RealmError
from ._item import item as as_item
from ._runtime.decode import has_number_as_text
from ._runtimes import Runtimes


class AsyncStream:
    """The items of a call as they come: ``async for item in stream``, then ``await stream.result()``.

    It starts when it is made. Leaving it early (``async with``, or :meth:`cancel`) ends the call on the node.
    """

    def __init__(self, call: Call, runtimes: Runtimes) -> None:
        self._call = call
        self._runtimes = runtimes

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
        item, name = call.items.popleft(), call.function
        if call.scale is None and has_number_as_text(item):
            item = await self._runtimes.by_types(lambda runtime: runtime.read_item(runtime.function(name), item))
        return as_item(item)

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
        result, name = call.result, call.function
        # Only these read otherwise by their types: vectors, and numbers that JSON has as text.
        if call.scale is not None or not (isinstance(result, list) or has_number_as_text(result)):
            return result
        return await self._runtimes.by_types(lambda runtime: runtime.read_result(runtime.function(name), result))

    async def cancel(self) -> None:
        """Ends the call, on the node too. A call that is over stays as it is."""
        self._call.fail(RealmError("CANCELLED", "the call was cancelled by its caller"))

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.cancel()
