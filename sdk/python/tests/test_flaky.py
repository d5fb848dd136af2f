"""Connections that are cut at random points, while the runtime is upgraded and the node is restarted: every item comes
once and in order, and no stream that could not go on begins anew in secret."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from typing import Any

import pytest
from conftest import Node

from realm import AsyncRealmClient, RealmError, Settings

STREAMS = 200
AT_ONCE = 20
UPGRADE_AT, RESTART_AT = 60, 120
"""The streams with which the runtime is upgraded, and the node restarted."""
HANG = 600.0


class FlakyProxy:
    """Passes bytes on, and cuts each connection after a random number of them."""

    def __init__(self, port: int, chance: random.Random, bytes_max: int) -> None:
        self.target = port
        self.chance = chance
        self.bytes_max = bytes_max
        self.cuts = 0

    async def start(self) -> str:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        self.server.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return writer.transport.abort()
        # Most of it is spent on tokens, and some cuts fall into handshakes and answers.
        left = [self.chance.randint(200, self.bytes_max)]

        async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(512):
                data = data[: max(0, left[0])]
                left[0] -= 512
                sink.write(data)
                await sink.drain()
                if left[0] <= 0:
                    self.cuts += 1
                    return

        both = [asyncio.create_task(pass_on(reader, node_writer)), asyncio.create_task(pass_on(node_reader, writer))]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        for end in (writer, node_writer):
            end.transport.abort()


@pytest.mark.parametrize("encoding", ["json", "scale"])
def test_every_item_once_and_in_order(node: Node, encoding: Any) -> None:
    async def work() -> None:
        prompts = [{"prompt": f"Once upon a time there was a {word}", "max_tokens": 24, "temperature": 0} for word in ("fox", "lamp")]
        async with AsyncRealmClient(node.url) as steady:
            resumes = "realm_resume" in (await steady.request("rpc_methods"))["methods"]
            whole = [(await steady.call("generate", prompt))["text"] for prompt in prompts]
        # A node that cannot go on with streams needs connections that hold for a few whole ones.
        proxy = FlakyProxy(node.port, random.Random(7), 40_000 if resumes else 400_000)
        url = await proxy.start()
        again = 0
        upgraded = asyncio.Event()
        restarts = 0  # Odd while the node is restarted.
        gate = asyncio.Semaphore(AT_ONCE)
        client = AsyncRealmClient(url, encoding=encoding, settings=Settings(backoff_min=0.01, backoff_max=0.05))
        while True:
            try:
                await client.connect()
                break
            except RealmError:
                continue

        async def one(index: int) -> None:
            nonlocal again, restarts
            async with gate:
                if index == UPGRADE_AT:
                    await asyncio.to_thread(node.command, "upgrade", os.environ["SUMMARIZE_BLOB"])
                    upgraded.set()
                if index >= RESTART_AT:
                    await upgraded.wait()
                if index == RESTART_AT:
                    restarts += 1
                    await asyncio.to_thread(node.stop, signal.SIGTERM)
                    await asyncio.to_thread(node.start)
                    restarts += 1
                while True:
                    before = restarts
                    stream = client.stream("stream_generate", prompts[index % 2])
                    seen = []
                    try:
                        async for item in stream:
                            seen.append(item)
                        result = await stream.result()
                    except RealmError as error:
                        # If its beginning was cut, the client cannot know whether it runs, and says so. Once it has
                        # begun it goes on, where the node can do that and has not ended.
                        ended = restarts != before or before % 2 == 1
                        assert error.code in (["DISCONNECTED", "SHUTTING_DOWN"] if ended else ["DISCONNECTED"]), error
                        assert ended or not (resumes and seen), (error, len(seen))
                        assert whole[index % 2].startswith("".join(item["token"] for item in seen))
                        again += 1
                        continue
                    break
            assert "".join(item["token"] for item in seen) == result["text"] == whole[index % 2]
            indices = [item["index"] for item in seen]
            assert indices == sorted(set(indices))

        await asyncio.gather(*(one(index) for index in range(STREAMS)))
        await client.close()
        proxy.close()
        assert proxy.cuts >= (20 if resumes else 3), proxy.cuts

    asyncio.run(asyncio.wait_for(work(), HANG))
