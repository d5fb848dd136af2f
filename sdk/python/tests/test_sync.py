"""The client for plain programs."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from conftest import LONG, Node, computed_when_idle, readme_snippets

from realm import RealmClient, RealmError, Settings

PARIS = "The capital of France is Paris."
QUESTION = {"message": "What is the capital of France?", "temperature": 0}


def test_calls_and_streams(shared_node: Node) -> None:
    with RealmClient(ws_url=shared_node.url) as client:
        assert client.call("health_check")["healthy"] is True
        assert client.call("chat", QUESTION)["text"] == PARIS
        stream = client.stream("chat", {**QUESTION, "conversation": None})
        items = list(stream)
        assert "".join(item["token"] for item in items) == PARIS
        assert [item["index"] for item in items] == sorted({item["index"] for item in items})
        assert stream.result()["text"] == PARIS
        assert list(stream) == []


def test_a_connection_remembers(shared_node: Node) -> None:
    with RealmClient(shared_node.url) as client:
        client.call("chat", {"message": "Hi, my name is Alice", "temperature": 0})
        assert "Alice" in client.call("chat", {"message": "What is my name?", "temperature": 0})["text"]


def test_vectors_are_arrays(shared_node: Node) -> None:
    numpy = pytest.importorskip("numpy")
    with RealmClient(shared_node.url) as client:
        vector = client.call("embed", {"text": "The cat sleeps."})
        assert isinstance(vector, numpy.ndarray) and vector.dtype == numpy.float32
        assert abs(float(vector @ vector) - 1) < 1e-4
        assert client.stream("embed", {"text": "The cat sleeps."}).result().tolist() == vector.tolist()


def test_errors_have_code_message_and_data(shared_node: Node) -> None:
    with RealmClient(shared_node.url) as client:
        with pytest.raises(RealmError) as caught:
            client.call("generate", {"promt": "x"})
        assert (caught.value.code, caught.value.data["nearest"]) == ("INVALID_PARAMS", "prompt")
        with pytest.raises(RealmError, match="UNKNOWN_FUNCTION"):
            client.call("generat", {})
        with pytest.raises(RealmError) as caught:
            list(client.stream("generate", {"prompt": "word " * 5000}))
        assert caught.value.code == "CONTEXT_OVERFLOW" and caught.value.data["context_length"] == 1024
        with pytest.raises(RealmError, match="INVALID_PARAMS"):
            client.call("generate", {"prompt": object()})
        encodings: list[Any] = ["json", "scale"]
        for encoding in encodings:
            with pytest.raises(RealmError, match="INVALID_PARAMS"):
                client.call("generate", {"prompt": "x", "temperature": float("nan")}, encoding=encoding)
            endless: list[Any] = []
            endless.append(endless)
            with pytest.raises(RealmError, match="INVALID_PARAMS"):
                client.call("generate", endless, encoding=encoding)
        assert client.call("health_check")["healthy"]


def test_leaving_a_stream_ends_the_call(shared_node: Node) -> None:
    with RealmClient(shared_node.url) as client:
        before = computed_when_idle(client)
        with client.stream("stream_generate", LONG) as stream:
            next(stream)
        with pytest.raises(RealmError, match="CANCELLED"):
            stream.result()
        # The node stopped computing, too.
        assert computed_when_idle(client) - before < LONG["max_tokens"]
        assert client.call("health_check")["healthy"]


def test_a_time_limit(shared_node: Node) -> None:
    with RealmClient(shared_node.url) as client:
        with pytest.raises(RealmError) as caught:
            client.call("generate", LONG, timeout=0.02)
        assert (caught.value.code, caught.value.data["deadline_ms"]) == ("DEADLINE_EXCEEDED", 20)


def test_many_threads_share_one_connection(shared_node: Node) -> None:
    prompt = {"prompt": "Once upon a time", "max_tokens": 20, "temperature": 0}
    with RealmClient(shared_node.url) as client:
        whole = client.call("generate", prompt)["text"]
        texts: list[str] = []

        def work() -> None:
            texts.append("".join(item["token"] for item in client.stream("stream_generate", prompt)))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts == [whole] * 8


def test_nobody_there() -> None:
    client = RealmClient("ws://127.0.0.1:1", settings=Settings(connect_timeout=5))
    with pytest.raises(RealmError, match="DISCONNECTED: cannot connect to ws://127.0.0.1:1"):
        client.connect()
    with pytest.raises(RealmError, match="DISCONNECTED"):
        client.call("health_check")
    client.close()
    with pytest.raises(RealmError, match="CANCELLED"):
        client.call("health_check")


def test_the_readme_is_true(shared_node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    snippets = readme_snippets()
    assert snippets
    for snippet in snippets:
        exec(compile(snippet.replace("ws://127.0.0.1:9944", shared_node.url), "README.md", "exec"), {"__name__": "__main__"})
    assert PARIS in capsys.readouterr().out
