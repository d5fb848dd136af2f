"""A chain that needs keys."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Node

from realm import AsyncRealmClient, RealmClient, RealmError


def test_a_key_says_who_one_is(keyed_node: Node) -> None:
    acme = keyed_node.command("key", "generate", "--tenant", "acme_corp").strip()
    with RealmClient(keyed_node.url, api_key=acme) as client:
        assert client.call("health_check")["healthy"] is True
        assert list(client.stream("stream_generate", {"prompt": "Once upon a time there was a fox", "max_tokens": 3, "temperature": 0}))
    with RealmClient(keyed_node.url, api_key=keyed_node.api_key, tenant_id="startup_inc") as operator:
        assert operator.call("health_check")["healthy"] is True
    with pytest.raises(RealmError) as foreign, RealmClient(keyed_node.url, api_key=acme, tenant_id="startup_inc") as client:
        client.call("health_check")
    assert foreign.value.code == "FORBIDDEN"
    wrong = acme[:-1] + ("1" if acme.endswith("0") else "0")
    with pytest.raises(RealmError) as refused, RealmClient(keyed_node.url, api_key=wrong) as client:
        client.call("health_check")
    assert refused.value.code == "UNAUTHENTICATED"


def test_the_asynchronous_client_too(keyed_node: Node) -> None:
    async def check() -> None:
        acme = keyed_node.command("key", "generate", "--tenant", "acme_corp").strip()
        async with AsyncRealmClient(keyed_node.url, api_key=acme) as client:
            assert (await client.call("health_check"))["healthy"] is True
        async with AsyncRealmClient(keyed_node.url) as stranger:
            with pytest.raises(RealmError) as refused:
                await stranger.call("health_check")
            assert refused.value.code == "UNAUTHENTICATED"

    asyncio.run(check())
