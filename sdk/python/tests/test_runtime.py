"""What the client knows of a runtime by its metadata, held against what the node knows by the same."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from conftest import Node

from realm import AsyncRealmClient, RealmClient, RealmError, Runtime
from realm._link import Link


def told(runtime: Runtime) -> dict[str, Any]:
    """A runtime in the words of ``system_metadata``."""
    return {
        "spec_name": runtime.spec_name,
        "spec_version": runtime.spec_version,
        "metadata_hash": runtime.metadata_hash,
        "functions": [
            {
                "name": each.name,
                "api": each.api,
                "params": [{"name": param.name, "type": param.type.name, "optional": param.optional} for param in each.params],
                "returns": str(each.result),
                "errors": None if each.error is None else str(each.error),
                "stream": None if each.item is None else str(each.item),
                "description": each.docs,
            }
            for each in runtime.functions
        ],
    }


def check(client: RealmClient) -> Runtime:
    runtime, document = client.runtime(), client.metadata()
    types = document.pop("types")
    del document["version"]
    assert told(runtime) == document
    described = {type.name: type.docs for type in runtime.types.all}
    assert {name: described[name] for name in types} == {name: each["description"] for name, each in types.items()}
    return runtime


def test_it_is_what_the_node_knows(node: Node) -> None:
    with RealmClient(node.url) as client:
        runtime = check(client)
        generate = runtime.function("RealmApi_generate")
        assert generate is runtime.function("generate") and not generate.streams
        chat = runtime.function("chat")
        assert chat.streams and str(chat.item) == "TokenEvent" and chat.docs.startswith("Answers the last message.")
        assert runtime.function("Core_version") not in runtime.functions
        with pytest.raises(RealmError) as caught:
            runtime.function("generat")
        assert (caught.value.code, caught.value.data["nearest"]) == ("UNKNOWN_FUNCTION", "generate")
        node.command("upgrade", os.environ["SUMMARIZE_BLOB"])
        client.call("summarize", {"text": "The fox slept."}, encoding="scale")
        assert [param.name for param in check(client).function("summarize").params] == ["text", "sentences"]


def test_it_is_fetched_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        fetched = 0
        request = Link.request

        async def counting(link: Link, method: str, *more: Any) -> Any:
            nonlocal fetched
            fetched += method == "state_getMetadata"
            return await request(link, method, *more)

        monkeypatch.setattr(Link, "request", counting)
        async with AsyncRealmClient(node.url, encoding="scale") as client:
            runtimes = await asyncio.gather(*(client.runtime() for _ in range(5)))
            await asyncio.gather(*(client.call("health_check") for _ in range(5)))
            await client.reconnect()
            assert [await client.runtime()] * 5 == runtimes and fetched == 1
            changed = asyncio.Event()
            client.on("runtime_changed", lambda _: changed.set())
            await asyncio.to_thread(node.command, "upgrade", os.environ["SUMMARIZE_BLOB"])
            await changed.wait()
            assert (await client.runtime()).spec_version == 2 and fetched == 2

    asyncio.run(asyncio.wait_for(work(), 60))


def test_of_the_tenant_that_is_called_as(keyed_node: Node) -> None:
    keyed_node.command("upgrade", os.environ["SUMMARIZE_BLOB"], "--tenant", "acme_corp")
    key = keyed_node.api_key
    with (
        RealmClient(keyed_node.url, api_key=key, tenant_id="acme_corp", encoding="scale") as acme,
        RealmClient(keyed_node.url, api_key=key, tenant_id="startup_inc", encoding="scale") as startup,
        RealmClient(keyed_node.url) as stranger,
    ):
        assert [client.runtime().spec_version for client in (acme, startup, stranger)] == [2, 1, 1]
        assert acme.call("health_check")["spec_version"] == 2
        with pytest.raises(RealmError, match="UNKNOWN_FUNCTION"):
            startup.call("summarize", {"text": "x"})
        with pytest.raises(RealmError, match="UNAUTHENTICATED"):
            stranger.call("health_check", encoding="scale")
        keyed_node.command("upgrade", os.environ["SUMMARIZE_BLOB"], "--tenant", "startup_inc")
        assert startup.call("health_check")["spec_version"] == 2
        assert startup.runtime().spec_version == 2
