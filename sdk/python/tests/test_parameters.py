"""How parameters are given, and how items are read."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Node

from realm import Item, RealmClient, RealmError

STORY = {"prompt": "Once upon a time there was a fox", "max_tokens": 12, "temperature": 0}


# `stream` took one mapping only, and `stream("generate", ..)` gave no items at all.
@pytest.mark.parametrize("encoding", ["json", "scale"])
def test_a_function_is_streamed_by_its_twin(shared_node: Node, encoding: Any) -> None:
    with RealmClient(shared_node.url, encoding=encoding) as client:
        whole = client.call("generate", **STORY)
        for name in ("generate", "stream_generate", "stream_generate"):
            stream = client.stream(name, **STORY)
            items = list(stream)
            assert len(items) > 1
            assert "".join(item.text for item in items) == stream.result()["text"] == whole["text"]
        # A function that has no twin gives its result only.
        stream = client.stream("get_model_info")
        assert list(stream) == [] and stream.result()["architecture"]


def test_parameters_are_given_one_way(shared_node: Node) -> None:
    with RealmClient(shared_node.url) as client:
        for begin in (client.call, client.stream):
            with pytest.raises(RealmError, match="INVALID_PARAMS: max_tokens: "):
                begin("generate", {"prompt": "x"}, max_tokens=1)
        with pytest.raises(RealmError) as caught:
            client.call("generate", prompt="x", max_tokns=1)
        assert caught.value.data["nearest"] == "max_tokens"


def test_fields_of_items_are_attributes() -> None:
    item = Item(token="a", index=3)
    assert (item.text, item.token, item.index, item["index"]) == ("a", "a", 3, 3)
    assert item == {"token": "a", "index": 3}
    assert Item(text="own", token="a").text == "own"
    with pytest.raises(AttributeError, match="no field `txt`; it has token, index"):
        item.txt  # noqa: B018
    assert not hasattr(Item(token=1), "text")


@pytest.mark.parametrize("encoding", ["json", "scale"])
def test_the_nodes_own_metadata_is_called_like_a_function(shared_node: Node, encoding: Any) -> None:
    with RealmClient(shared_node.url, encoding=encoding) as client:
        document = client.call("system_metadata")
        assert document["functions"] and document == client.metadata()
        stream = client.stream("system_metadata")
        assert list(stream) == [] and stream.result() == document


@pytest.mark.parametrize("encoding", ["json", "scale"])
def test_items_carry_the_log_probability_of_their_token(shared_node: Node, encoding: Any) -> None:
    with RealmClient(shared_node.url, encoding=encoding) as client:
        for item in client.stream("generate", **STORY):
            assert item.logprob <= 0 and item.logprobs is None
