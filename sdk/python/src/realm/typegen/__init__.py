"""Writes a node's functions, arguments, items and results down as Python types.

    python -m realm.typegen ws://127.0.0.1:9944 -o realm_types.py

gives a module with a TypedDict for each type of the runtime, and with ``RealmClient`` and
``AsyncRealmClient`` whose ``call`` and ``stream`` know every function: a wrong name, a wrong field or a
wrong type then fails mypy. With ``-o realm_types.pyi`` the same is written as a stub.

    Runtime ──expressions──► int, list[ChatMessage], ..
            ──definitions──► class ChatMessage(TypedDict): ..
            ──module───────► all of it, and the two clients
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .._errors import RealmError
from .._sync import RealmClient
from .module import module

__all__ = ["main", "module"]


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m realm.typegen", description="Writes a node's functions as Python types.")
    parser.add_argument("url", help="the node, for example ws://127.0.0.1:9944")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the module to write: a .py or a .pyi file")
    parser.add_argument("--api-key", default=os.environ.get("REALM_API_KEY"), help="by default REALM_API_KEY")
    given = parser.parse_args(arguments)
    if given.output.suffix not in (".py", ".pyi"):
        parser.error(f"{given.output}: expected a .py or a .pyi file")
    try:
        with RealmClient(given.url, api_key=given.api_key) as client:
            runtime = client.runtime()
        given.output.write_text(module(runtime, stub=given.output.suffix == ".pyi"), encoding="utf-8")
    except (RealmError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
