"""Calls in SCALE: they mean the same as in JSON, and are executed by the runtime that they were written for or not at all."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from conftest import Node
from made_up import Registry, metadata
from websockets.asyncio.server import ServerConnection, serve

from realm import AsyncRealmClient, RealmClient, RealmError, Runtime, Settings

PROMPT: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 8, "temperature": 0}
TEXT = {"text": "The fox found a lamp. It was old.", "sentences": 1}
HANG = 60.0

SAME = [
    ("generate", {**PROMPT, "seed": 2**64 - 1, "logprobs": 2, "presence_penalty": 0.5, "frequency_penalty": -0.5}),
    ("generate", {"prompt": "0x41", "options": {"max_tokens": 3, "seed": 1, "stop": ["0x", "\n"]}, "temperature": 0.7}),
    ("generate", ["Once", {"max_tokens": 2, "temperature": 0, "seed": 5, "logit_bias": [{"token": 40, "bias": -1.5}]}]),
    ("chat", {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "seed": 3}),
    ("chat", {"message": "Hi, my name is Alice", "when_full": "drop_oldest", "temperature": 0, "seed": 2**63}),
    ("stream_generate", {**PROMPT, "seed": 2**53 + 1, "logprobs": 1}),
    ("get_model_info", None),
    ("health_check", {}),
    ("Core_version", None),
    ("list_conversations", None),
]


@pytest.mark.parametrize(("function", "params"), SAME)
def test_both_encodings_give_equal_values(shared_node: Node, function: str, params: Any) -> None:
    def made(encoding: Any) -> tuple[list[Any], Any]:
        # With a connection for each, because a connection remembers what was said.
        with RealmClient(shared_node.url, encoding=encoding) as client:
            stream = client.stream(function, params)
            items, result = list(stream), stream.result()
            if isinstance(result, dict):
                # The second call finds the first one's prompt in the cache.
                result.pop("cached_tokens", None)
            if isinstance(params, dict) and "seed" in params:
                assert result["seed"] == params["seed"]
            return items, result

    assert made("json") == made("scale")


def test_vectors_are_arrays_in_both(shared_node: Node) -> None:
    numpy = pytest.importorskip("numpy")
    with RealmClient(shared_node.url, encoding="scale") as client:
        vector = client.call("embed", {"text": "The cat sleeps."})
        assert isinstance(vector, numpy.ndarray) and vector.dtype == numpy.float32
        assert vector.tolist() == client.call("embed", {"text": "The cat sleeps."}, encoding="json").tolist()


def test_vectors_are_lists_without_numpy(shared_node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "numpy", None)
    with RealmClient(shared_node.url) as client:
        vector = client.call("embed", {"text": "The cat sleeps."})
        assert isinstance(vector, list)
        assert vector == client.call("embed", {"text": "The cat sleeps."}, encoding="scale")


@pytest.mark.parametrize(
    ("function", "params", "code"),
    [
        # Refused by the types: in SCALE by the client.
        ("generate", {"promt": "x"}, "INVALID_PARAMS"),
        ("generate", {}, "INVALID_PARAMS"),
        ("generate", ["x", {}, 1], "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "options": {"stop": ["a", 5]}}, "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "options": {"max_tokns": 1}}, "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "seed": 1, "options": {"seed": 1}}, "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "options": 5, "seed": 1}, "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "max_tokens": -1}, "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "temperature": -1}, "INVALID_PARAMS"),
        ("generate", {"prompt": "x", "temperature": "hot"}, "INVALID_PARAMS"),
        ("chat", {"message": "x", "when_full": "explode"}, "INVALID_PARAMS"),
        ("chat", {"messages": [{"role": "user"}]}, "INVALID_PARAMS"),
        ("generat", {}, "UNKNOWN_FUNCTION"),
        # Refused by the runtime: in SCALE part of its answer.
        ("generate", {"prompt": "x", "temperature": 5}, "INVALID_PARAMS"),
        ("generate", {"prompt": "word " * 5000}, "CONTEXT_OVERFLOW"),
        ("export_conversation", {"conversation": "none of this name"}, "INVALID_PARAMS"),
        # Refused by the node.
        ("Core_migrate", [1], "FORBIDDEN"),
    ],
)
def test_errors_are_the_same(shared_node: Node, function: str, params: Any, code: str) -> None:
    def refused(encoding: Any) -> tuple[str, str, dict[str, Any]]:
        with RealmClient(shared_node.url, encoding=encoding) as client:
            with pytest.raises(RealmError) as caught:
                list(client.stream(function, params))
            assert client.call("health_check")["healthy"]
        return caught.value.code, caught.value.message, caught.value.data

    of_json = refused("json")
    assert of_json[0] == code
    assert refused("scale") == of_json


def test_no_such_encoding() -> None:
    with pytest.raises(RealmError, match="INVALID_PARAMS: encoding"):
        RealmClient("ws://127.0.0.1:1", encoding="xml")  # type: ignore[arg-type]


def test_an_upgrade_with_one_client(node: Node) -> None:
    with RealmClient(node.url, encoding="scale") as client:
        old = client.runtime()
        assert client.runtime() is old
        with pytest.raises(RealmError, match="UNKNOWN_FUNCTION"):
            client.call("summarize", TEXT)
        assert client.runtime() is old
        node.command("upgrade", os.environ["SUMMARIZE_BLOB"])
        # At once, over the same connection.
        stream = client.stream("summarize", TEXT)
        items = list(stream)
        assert items and stream.result()["text"] == "".join(item["token"] for item in items).strip()
        assert client.runtime().spec_version == old.spec_version + 1
        # What was pinned to the old runtime is not written for the new one.
        with pytest.raises(RealmError) as caught:
            client.call("health_check", runtime=old.metadata_hash)
        assert (caught.value.code, caught.value.data["spec_version"]) == ("RUNTIME_CHANGED", 2)
        assert client.call("health_check", runtime=client.runtime().metadata_hash)["spec_version"] == 2
        node.command("rollback")
        assert client.call("health_check")["spec_version"] == 1
        assert client.runtime() is old


def test_an_upgrade_that_the_client_did_not_hear_of(node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(node.url, encoding="scale") as client:
            # As if the node's word of it were still on its way.
            client._runtimes.changed = lambda: None  # type: ignore[method-assign]
            old = await client.runtime()
            assert (await client.call("health_check"))["spec_version"] == 1
            await asyncio.to_thread(node.command, "upgrade", os.environ["SUMMARIZE_BLOB"])
            del client._runtimes.changed  # type: ignore[method-assign]
            assert await client._runtimes.in_force() is old
            # The node refuses it as it is; it is written again.
            healths = await asyncio.gather(*(client.call("health_check") for _ in range(5)))
            assert [health["spec_version"] for health in healths] == [2] * 5
            assert (await client.call("summarize", TEXT))["text"]
            assert (await client.runtime()).function("summarize").streams

    asyncio.run(asyncio.wait_for(work(), HANG))


def test_calls_go_on_while_the_runtime_is_replaced(node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(node.url, encoding="scale") as client:
            versions: list[int] = []

            async def call() -> None:
                while not versions or versions[-1] < 2:
                    versions.append((await client.call("health_check"))["spec_version"])

            upgrade = asyncio.to_thread(node.command, "upgrade", os.environ["SUMMARIZE_BLOB"])
            await asyncio.gather(upgrade, *(call() for _ in range(4)))
            assert set(versions) == {1, 2}

    asyncio.run(asyncio.wait_for(work(), HANG))


def test_a_stream_goes_on_over_another_connection(shared_node: Node) -> None:
    async def work() -> None:
        async with AsyncRealmClient(shared_node.url, encoding="scale", settings=Settings(backoff_min=0.01)) as client:
            prompt = {**PROMPT, "max_tokens": 60}
            whole = (await client.call("generate", prompt))["text"]
            stream = client.stream("stream_generate", prompt)
            tokens = [(await anext(stream))["token"]]
            await client.reconnect()
            tokens += [item["token"] async for item in stream]
            assert "".join(tokens) == (await stream.result())["text"] == whole

    asyncio.run(asyncio.wait_for(work(), HANG))


class OneType:
    """A node whose functions take one ``u64`` and give it back, and that says that its runtime changed so many times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.versions = 0
        self.seen: list[list[Any]] = []

    def metadata(self) -> bytes:
        made = Registry()
        return metadata(made, self.versions, echo=made.primitive("u64"))

    async def serve(self, socket: ServerConnection) -> None:
        async for frame in socket:
            request = json.loads(frame)
            method, answer = request["method"], {"jsonrpc": "2.0", "id": request["id"]}
            if method == "realm_subscribe":
                self.seen.append(request["params"])
                if self.versions < self.refusals:
                    self.versions += 1
                    data = {"code": "RUNTIME_CHANGED", "metadata_hash": Runtime(self.metadata()).metadata_hash}
                    await socket.send(json.dumps({**answer, "error": {"code": 5012, "message": "changed", "data": data}}))
                    continue
                await socket.send(json.dumps({**answer, "result": "a"}))
                event = {"seq": 0, "type": "result", "data": request["params"][1]}
                notification = {"jsonrpc": "2.0", "method": "realm_event", "params": {"subscription": "a", "result": event}}
                await socket.send(json.dumps(notification))
            else:
                results: dict[str, Any] = {
                    "rpc_methods": {"methods": []},
                    "state_getMetadata": f"0x{self.metadata().hex()}",
                    "state_subscribeRuntimeVersion": "version",
                }
                await socket.send(json.dumps({**answer, "result": results[method]}))


@pytest.mark.parametrize(("refusals", "params", "expected", "sent"), [
    (0, {"value": 2**64 - 1}, 2**64 - 1, 1),
    (1, {"value": 5}, 5, 2),
    # It is written anew once, and not for ever.
    (2, {"value": 5}, "RUNTIME_CHANGED", 2),
    # What cannot be written is never sent.
    (0, {"valu": 5}, "INVALID_PARAMS", 0),
    (0, {"value": 2**64}, "INVALID_PARAMS", 0),
])  # fmt: skip
def test_what_is_sent(refusals: int, params: Any, expected: Any, sent: int) -> None:
    async def work() -> None:
        node = OneType(refusals)
        async with serve(node.serve, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with AsyncRealmClient(url, encoding="scale") as client:
                try:
                    result = await client.call("echo", params)
                except RealmError as error:
                    result = error.code
                assert result == expected
        assert len(node.seen) == sent
        hashes = [options["runtime"] for _, _, options in node.seen]
        assert len(set(hashes)) == sent
        for function, encoded, _ in node.seen:
            assert (function, encoded) == ("EchoApi_echo", f"0x{params['value'].to_bytes(8, 'little').hex()}")

    asyncio.run(asyncio.wait_for(work(), HANG))
