"""`client.on("disconnect", lambda _: client.reconnect())` in every state of a client, and connections that go silent
without being closed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import LONG, Node

from realm import AsyncRealmClient, RealmClient, RealmError, Settings

HANG = 60.0
STORY = {"prompt": "Once upon a time there was a fox", "max_tokens": 24, "temperature": 0}
QUICK: dict[str, Any] = {"backoff_min": 0.01, "backoff_max": 0.1}


class Proxy:
    """Passes bytes on until it is told to cut connections, or to go silent."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._silent = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self.silent_after_handshake = False

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        for end in list(self._ends):
            end.transport.abort()

    def go_silent(self) -> None:
        """The connections there are pass nothing on any more, as where a cable is pulled."""
        silent, self._silent = self._silent, asyncio.Event()
        silent.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self._port)
        silent = asyncio.Event() if self.silent_after_handshake else self._silent
        both = {writer, node_writer}
        self._ends |= both

        async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                if silent.is_set():
                    continue
                sink.write(data)
                await sink.drain()
                if self.silent_after_handshake and source is node_reader:
                    silent.set()

        try:
            passing = [asyncio.ensure_future(pass_on(reader, node_writer)), asyncio.ensure_future(pass_on(node_reader, writer))]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for each in passing:
                each.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
        finally:
            self._ends -= both
            for end in both:
                end.transport.abort()


@pytest.fixture(autouse=True)
def no_error_is_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio logs exceptions that nobody looked at, and the client logs handlers that fail."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def run(work: Any) -> None:
    asyncio.run(asyncio.wait_for(work, HANG))


@pytest.mark.parametrize("reconnect", [True, False])
def test_a_handler_reconnects(shared_node: Node, reconnect: bool) -> None:
    async def work() -> None:
        proxy = Proxy(shared_node.port)
        happened: list[str] = []
        back = asyncio.Event()
        async with AsyncRealmClient(await proxy.start(), settings=Settings(reconnect=reconnect, **QUICK)) as client:
            client.on("disconnect", lambda _: happened.append("disconnect"))
            client.on("reconnect", lambda _: happened.append("reconnect"))
            client.on("reconnect", lambda _: back.set())
            client.on("close", lambda _: happened.append("close"))
            client.on("disconnect", lambda _: client.reconnect())
            for _ in range(2):
                back.clear()
                proxy.cut()
                await back.wait()
                assert (await client.call("health_check"))["healthy"]
            assert happened == ["disconnect", "reconnect"] * 2
        assert happened[-1] == "close"

    run(work())


def test_a_handler_of_the_plain_client_reconnects(node: Node) -> None:
    with RealmClient(node.url, settings=Settings(reconnect=False, backoff_min=0.05)) as client:
        back = threading.Event()
        client.on("reconnect", lambda _: back.set())
        client.on("disconnect", lambda _: client.reconnect())
        node.stop()
        node.start()
        assert back.wait(HANG)
        assert client.call("health_check")["healthy"]


def test_a_client_that_gave_up_can_come_back(node: Node) -> None:
    async def work() -> None:
        client = AsyncRealmClient(node.url, settings=Settings(attempts_max=2, **QUICK))
        await client.reconnect()
        closed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        client.on("close", lambda error: closed.done() or closed.set_result(error))
        client.on("disconnect", lambda _: client.reconnect())
        await asyncio.to_thread(node.stop)
        assert (await closed).code == "DISCONNECTED"
        for attempt in (client.reconnect(), client.call("health_check")):
            with pytest.raises(RealmError, match="DISCONNECTED"):
                await attempt
        await asyncio.to_thread(node.start)
        await client.reconnect()
        assert (await client.call("health_check"))["healthy"]
        await client.close()
        with pytest.raises(RealmError, match="CANCELLED"):
            await client.reconnect()
        await client.connect()
        assert (await client.call("health_check"))["healthy"]
        await client.close()

    run(work())


def test_a_revoked_key_closes_the_client(keyed_node: Node) -> None:
    async def work() -> None:
        key = (await asyncio.to_thread(keyed_node.command, "key", "generate", "--tenant", "acme_corp")).strip()
        async with AsyncRealmClient(keyed_node.url, api_key=keyed_node.api_key) as operator:
            async with AsyncRealmClient(keyed_node.url, api_key=key, settings=Settings(**QUICK)) as client:
                closed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                client.on("close", lambda error: closed.done() or closed.set_result(error))
                client.on("disconnect", lambda _: client.reconnect())
                (prefix,) = [known["prefix"] for known in await operator.request("realm_keyList") if known["prefix"] in key]
                await operator.request("realm_keyRevoke", [prefix])
                assert (await closed).code == "UNAUTHENTICATED"

    run(work())


def test_a_connection_that_goes_silent_is_replaced(shared_node: Node) -> None:
    async def work() -> None:
        proxy = Proxy(shared_node.port)
        lost = asyncio.Event()
        async with AsyncRealmClient(await proxy.start(), settings=Settings(ping_interval=0.2, **QUICK)) as client:
            client.on("disconnect", lambda _: lost.set())
            whole = (await client.call("generate", STORY))["text"]
            called = asyncio.ensure_future(client.call("generate", LONG))
            text = ""
            async for item in client.stream("generate", STORY):
                if not text:
                    proxy.go_silent()
                text += item.text
            assert lost.is_set() and text == whole
            with pytest.raises(RealmError, match="DISCONNECTED"):
                await called

    run(work())


def test_a_connection_that_goes_silent_right_after_the_handshake_is_given_up(shared_node: Node) -> None:
    async def work() -> None:
        proxy = Proxy(shared_node.port)
        proxy.silent_after_handshake = True
        client = AsyncRealmClient(await proxy.start(), settings=Settings(connect_timeout=0.3))
        with pytest.raises(RealmError, match="DISCONNECTED"):
            await client.connect()
        await client.close()

    run(work())
