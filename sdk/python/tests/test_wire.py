"""The client against a scripted node: what it sends when a connection is lost in the middle of a stream, and what
it makes of answers that no good node gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from realm import AsyncRealmClient, RealmError, Settings

HANG = 30.0
Answer = Callable[["Scripted", ServerConnection, dict[str, Any]], Awaitable[Any]]


class Scripted:
    """A node that answers subscriptions by a script, one step per request, and all else as any node."""

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.asked: list[list[Any]] = []

    async def serve(self, socket: ServerConnection) -> None:
        async for frame in socket:
            request = json.loads(frame)
            method = request["method"]
            if method in ("realm_subscribe", "realm_resume"):
                self.asked.append([method, *request["params"]])
                await self.script.pop(0)(self, socket, request)
            else:
                results = {
                    "rpc_methods": {"methods": ["realm_resume"]},
                    "state_subscribeRuntimeVersion": "version",
                    "system_metadata": {"functions": []},
                }
                await say(socket, id=request["id"], result=results.get(method, True))


async def say(socket: ServerConnection, **message: Any) -> None:
    await socket.send(json.dumps({"jsonrpc": "2.0", **message}))


def events(subscription: str, *sequence: Any, lose: bool = False) -> Answer:
    """Answers with a subscription and these events: numbers are items, text is the result."""

    async def answer(node: Scripted, socket: ServerConnection, request: dict[str, Any]) -> None:
        await say(socket, id=request["id"], result=subscription)
        for seq, value in sequence:
            data = {"type": "stream" if isinstance(value, int) else "result", "data": value}
            params = {"subscription": subscription, "result": {"seq": seq, **data}}
            await say(socket, method="realm_event", params=params)
        if lose:
            socket.transport.abort()

    return answer


def refuses(code: str) -> Answer:
    async def answer(node: Scripted, socket: ServerConnection, request: dict[str, Any]) -> None:
        await say(socket, id=request["id"], error={"code": 5000, "message": "no such stream", "data": {"code": code}})

    return answer


def check(script: list[Answer], expected: list[int], end: str, asked: list[list[Any]] | None = None) -> None:
    """Reads one stream to its end: its items, and then its result or the code of its error."""

    async def work() -> None:
        node = Scripted(*script)
        async with serve(node.serve, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with AsyncRealmClient(url, settings=Settings(backoff_min=0.01, backoff_max=0.02)) as client:
                stream = client.stream("count", {})
                items = []
                try:
                    async for item in stream:
                        items.append(item)
                    ended = await stream.result()
                except RealmError as error:
                    ended = error.code
                assert (items, ended) == (expected, end)
        assert node.script == []
        if asked is not None:
            assert node.asked == asked

    asyncio.run(asyncio.wait_for(work(), HANG))


ASK = ["realm_subscribe", "count", {}, {"resumable": True}]


def test_a_stream_goes_on_where_it_stopped() -> None:
    script = [
        events("a", (0, 10), (1, 11), lose=True),
        events("b", (2, 12), lose=True),
        # Nothing came meanwhile; then what came already comes again, and is left out.
        events("c", lose=True),
        events("d", (1, 11), (2, 12), (3, 13), (4, "done")),
    ]
    asked = [ASK, ["realm_resume", "a", 2], ["realm_resume", "a", 3], ["realm_resume", "a", 3]]
    check(script, [10, 11, 12, 13], "done", asked)


def test_a_node_that_knows_the_stream_no_more() -> None:
    check([events("a", (0, 10), lose=True), refuses("UNKNOWN_STREAM")], [10], "DISCONNECTED")


def test_a_missing_event_is_an_error_and_no_gap() -> None:
    check([events("a", (0, 10), (2, 12), (3, "done"))], [10], "PROTOCOL")


def test_a_refusal_is_the_streams_error() -> None:
    check([refuses("OVERLOADED")], [], "OVERLOADED")


@pytest.mark.parametrize("nonsense", ["{", "[]", '{"jsonrpc":"2.0"}', "5"])
def test_nonsense_loses_the_connection_and_no_more(nonsense: str) -> None:
    async def answer(node: Scripted, socket: ServerConnection, request: dict[str, Any]) -> None:
        await say(socket, id=request["id"], result="a")
        await socket.send(nonsense)

    check([answer, events("b", (0, 10), (1, "done"))], [10], "done", [ASK, ["realm_resume", "a", 0]])


def test_a_beginning_that_is_cut_is_not_made_again() -> None:
    async def lost(node: Scripted, socket: ServerConnection, request: dict[str, Any]) -> None:
        socket.transport.abort()

    check([lost], [], "DISCONNECTED", [ASK])
