"""Client of Realm, a JSON-RPC inference node.

    from realm import RealmClient

    with RealmClient(ws_url="ws://127.0.0.1:9944") as client:
        print(client.call("generate", {"prompt": "Once upon a time", "max_tokens": 20})["text"])
        for token in client.stream("generate", prompt="Once upon a time"):
            print(token.text, end="", flush=True)

``RealmClient`` is for plain programs, ``AsyncRealmClient`` for asyncio; they do the same. One client is
one WebSocket: all its calls and streams share it. What can be called, and with what, is what the node's
runtime says: ``python -m realm.typegen ws://127.0.0.1:9944 -o realm_types.py`` writes it down as types.
"""

from ._arrays import Vector
from ._async import AsyncRealmClient, Encoding
from ._errors import RealmError
from ._item import Item
from ._runtime import Function, Parameter, Runtime, Type
from ._settings import Settings
from ._stream import AsyncStream
from ._sync import RealmClient, Stream

__all__ = [
    "AsyncRealmClient",
    "AsyncStream",
    "Encoding",
    "Function",
    "Item",
    "Parameter",
    "RealmClient",
    "RealmError",
    "Runtime",
    "Settings",
    "Stream",
    "Type",
    "Vector",
]
