"""The client for asyncio, through whatever can happen to its node."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest
from conftest import LONG, Node, computed_when_idle

from realm import AsyncRealmClient, RealmClient, RealmError, Settings

HANG = 60.0
PROMPT = {"prompt": "Once upon a time", "max_tokens": 24, "temperature": 0}
QUICK = Settings(backoff_min=0.02, backoff_max=0.2)


def run(work: Any) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work, HANG)

    asyncio.run(bounded())


def test_calls_and_streams_side_by_side(shared_node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(shared_node.url) as client:
            whole = (await client.call("generate", PROMPT))["text"]

            async def one() -> str:
                return "".join([item["token"] async for item in client.stream("stream_generate", PROMPT)])

            results = await asyncio.gather(*(one() for _ in range(10)), client.call("health_check"))
            assert results[:-1] == [whole] * 10 and results[-1]["healthy"]

    run(work())


def test_cancelling_ends_the_call_on_the_node(shared_node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(shared_node.url) as client:
            # More than one tenant may run at once: were they not ended, the last would wait for minutes.
            for _ in range(100):
                call = asyncio.create_task(client.call("generate", LONG))
                await asyncio.sleep(0.005)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert (await client.call("health_check"))["healthy"]

    with RealmClient(shared_node.url) as plain:
        before = computed_when_idle(plain)
        run(work())
        # The node stopped computing them, too.
        assert computed_when_idle(plain) - before < 50 * LONG["max_tokens"]


def test_a_slow_reader_ends_only_its_own_stream(shared_node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(shared_node.url, settings=Settings(stream_events_max=5)) as client:
            slow = client.stream("stream_generate", {**PROMPT, "max_tokens": 100})
            with pytest.raises(RealmError, match="SLOW_CONSUMER"):
                await slow.result()
            assert (await client.call("generate", PROMPT))["text"]

    run(work())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_of_the_node(node: Node, how: signal.Signals) -> None:
    async def work() -> None:
        heard: list[str] = []
        async with AsyncRealmClient(node.url, settings=QUICK) as client:
            client.on("disconnect", lambda _: heard.append("disconnect"))
            client.on("reconnect", lambda _: heard.append("reconnect"))
            whole = (await client.call("generate", PROMPT))["text"]
            cut = client.stream("stream_generate", LONG)
            await anext(cut)
            waiting = asyncio.create_task(client.call("generate", LONG))
            await asyncio.sleep(0.05)
            if how is signal.SIGKILL:
                await asyncio.to_thread(node.stop, how)
                with pytest.raises(RealmError, match="DISCONNECTED"):
                    await waiting
            else:
                # Told to stop, the node lets calls finish, or says that it cannot.
                await asyncio.gather(asyncio.to_thread(node.stop, how), waiting, return_exceptions=True)
            later = asyncio.create_task(client.call("generate", PROMPT))
            await asyncio.to_thread(node.start)
            assert (await later)["text"] == whole
            if how is signal.SIGKILL:
                # The node does not know the stream any more; it is not begun again in secret.
                with pytest.raises(RealmError, match="DISCONNECTED"):
                    await cut.result()
            assert heard == ["disconnect", "reconnect"]

    run(work())


def test_a_runtime_upgrade(node: Node) -> None:
    async def work() -> None:
        versions: list[Any] = []
        async with AsyncRealmClient(node.url) as client:
            client.on("runtime_changed", versions.append)
            with pytest.raises(RealmError, match="UNKNOWN_FUNCTION"):
                await client.call("summarize", {"text": "x"})
            hash_before = (await client.metadata())["metadata_hash"]
            await asyncio.to_thread(node.command, "upgrade", os.environ["SUMMARIZE_BLOB"])
            summary = await client.call("summarize", {"text": "The fox found a lamp. It was old.", "sentences": 1})
            assert summary["text"]
            while not versions:
                await asyncio.sleep(0.01)
            assert versions[0]["specVersion"] == 2
            # A call that says by which metadata it was written is not executed by another.
            with pytest.raises(RealmError) as caught:
                await client.call("health_check", runtime=hash_before)
            assert caught.value.code == "RUNTIME_CHANGED" and caught.value.data["spec_version"] == 2

    run(work())


def test_giving_up_and_reconnecting(node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(node.url, settings=Settings(backoff_min=0.01, attempts_max=3)) as client:
            await client.reconnect()
            assert (await client.call("health_check"))["healthy"]
            await asyncio.to_thread(node.stop)
            with pytest.raises(RealmError, match="DISCONNECTED"):
                await client.call("health_check")
                await client.call("health_check")

    run(work())
