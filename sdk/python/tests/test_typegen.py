"""Types out of a node's metadata, judged by mypy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Node

from realm.typegen import main

GOOD = """
from realm_types import AsyncRealmClient, RealmClient

with RealmClient("ws://x") as client:
    text: str = client.call("generate", {"prompt": "x", "max_tokens": 3, "options": {"seed": 1}})["text"]
    for item in client.stream("stream_generate", {"prompt": "x", "temperature": 0.5}):
        token: str = item["token"]
    turns: int = client.stream("chat", {"message": "x"}).result()["turns"]
    healthy: bool = client.call("health_check")["healthy"]
    length: int = len(client.call("embed", {"text": "x"}))

async def work() -> None:
    async with AsyncRealmClient("ws://x") as client:
        (await client.call("generate", {"prompt": "x"}))["text"].upper()
        async for item in client.stream("stream_generate", {"prompt": "x"}):
            item["index"].bit_length()
"""

BAD = """
from realm_types import AsyncRealmClient, RealmClient
client = RealmClient("ws://x")
client.call("generate", {"prompt": "x", "max_tokns": 1})
client.call("generat", {"prompt": "x"})
client.call("generate", {"prompt": 5})
client.call("generate", {})
client.call("generate", {"prompt": "x"})["txt"]
client.call("generate", {"prompt": "x"})["text"] + 1
client.stream("stream_generate", {"prompt": "x"}).result()["token"]
with RealmClient("ws://x") as entered:
    entered.call("generate", {"prompt": 5})
    entered.call("health_check", encoding="xml")

async def work() -> None:
    async with AsyncRealmClient("ws://x") as client:
        await client.call("generate", {"prompt": 5})
        async for item in client.stream("stream_generate", {"prompt": "x"}):
            item["tokn"]
"""


def mypy(folder: Path, types: str, name: str, program: str) -> list[str]:
    (folder / f"{name}.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"{name}.py", types]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if ": error:" in line]


SUMMARIZE = """
from realm_types import RealmClient

with RealmClient("ws://x") as client:
    stream = client.stream("summarize", {"text": "x", "sentences": 2}, encoding="scale")
    tokens: list[str] = [item["token"] for item in stream]
    sentences: int = stream.result()["sentences"]
"""


@pytest.mark.parametrize("suffix", [".py", ".pyi"])
def test_wrong_fields_fail_mypy(shared_node: Node, tmp_path: Path, suffix: str) -> None:
    assert main([shared_node.url, "-o", str(tmp_path / f"realm_types{suffix}")]) == 0
    types = f"realm_types{suffix}"
    assert mypy(tmp_path, types, "good", GOOD) == []
    errors = mypy(tmp_path, types, "bad", BAD)
    assert [int(line.split(":")[1]) for line in errors] == [*range(4, 11), 12, 13, 17, 19], errors


def test_what_only_an_uploaded_runtime_has(node: Node, tmp_path: Path) -> None:
    module = tmp_path / "realm_types.py"
    assert main([node.url, "-o", str(module)]) == 0
    # The function, and what comes of not knowing it.
    assert mypy(tmp_path, module.name, "summarize", SUMMARIZE) != []
    node.command("upgrade", os.environ["SUMMARIZE_BLOB"])
    assert main([node.url, "-o", str(module)]) == 0
    assert mypy(tmp_path, module.name, "summarize", SUMMARIZE) == []
    # What the runtime's authors wrote of it comes along.
    text = module.read_text()
    assert "A text in so many sentences; in one, if nobody says how many." in text
    assert "Raises RealmError" in text and "CONTEXT_OVERFLOW" in text


def test_a_node_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ws://127.0.0.1:1", "-o", str(tmp_path / "types.py")]) == 1
    assert "cannot connect" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
