"""The runtime in force, read from the node once for each metadata hash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ._errors import RealmError
from ._runtime import Runtime, metadata_hash
from ._runtime.scale import VERSION

T = TypeVar("T")
Request = Callable[[str, list[Any]], Awaitable[Any]]

KEPT_MAX = 8
"""Runtimes whose metadata is kept: a rollback goes back to one that is known."""


class Runtimes:
    """What a client knows of the runtimes that its tenant had."""

    def __init__(self, request: Request, tenant_id: str | None) -> None:
        self._request = request
        self._tenant_id = tenant_id
        self._kept: dict[str, Runtime] = {}
        self._current: Runtime | None = None
        self._functions: list[dict[str, Any]] | None = None
        self._changes = 0
        self._reading = asyncio.Lock()

    def changed(self) -> None:
        """The node told that another runtime is in force, or may be."""
        self._changes += 1
        self._current = self._functions = None

    async def in_force(self) -> Runtime:
        """The runtime in force, as far as the node told. Raises RealmError if its metadata cannot be read."""
        async with self._reading:
            while self._current is None:
                changes = self._changes
                runtime = await self._read()
                if changes == self._changes:
                    self._current = runtime
            return self._current

    async def functions(self) -> list[dict[str, Any]]:
        """The functions of the runtime in force as ``system_metadata`` lists them. Asked for once, and again when the
        runtime changed. Raises RealmError if the node does not answer."""
        while self._functions is None:
            changes = self._changes
            document = await self._request("system_metadata", [])
            if changes == self._changes:
                self._functions = document["functions"]
        return self._functions

    async def latest(self) -> Runtime:
        """The runtime in force. Of another tenant than the connection's own the node does not tell when it changes;
        its metadata is asked for each time."""
        if self._tenant_id is not None:
            self.changed()
        return await self.in_force()

    def outdated(self, known: Runtime) -> None:
        """Another runtime may be in force than this one, which was."""
        if self._current is known:
            self.changed()

    async def by_types(self, work: Callable[[Runtime], T]) -> T:
        """What is made by the types of the runtime in force. Where that fails it may be because another runtime is
        in force by now; so the error is only raised if none is."""
        runtime = await self.in_force()
        try:
            return work(runtime)
        except RealmError:
            self.outdated(runtime)
            newer = await self.in_force()
            if newer is runtime:
                raise
            return work(newer)

    async def _read(self) -> Runtime:
        encoded = await self._metadata()
        hash = metadata_hash(encoded)
        runtime = self._kept.pop(hash, None) or Runtime(encoded)
        self._kept[hash] = runtime
        if len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        return runtime

    async def _metadata(self) -> bytes:
        if self._tenant_id is None:
            answer = await self._request("state_getMetadata", [])
        else:
            # That tells of the connection's own tenant; of another, whose runtime may be another, a call does.
            params = ["Metadata_metadata_at_version", [VERSION], {"tenant_id": self._tenant_id}]
            answer = await self._request("realm_call", params)
        if not isinstance(answer, str) or not answer.startswith("0x"):
            raise RealmError("PROTOCOL", "the node has no metadata of its runtime in a version that this client reads")
        return bytes.fromhex(answer[2:])
