"""Types out of a node's metadata, judged by mypy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Node

from realm._names import parse
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
from realm_types import RealmClient
client = RealmClient("ws://x")
client.call("generate", {"prompt": "x", "max_tokns": 1})
client.call("generat", {"prompt": "x"})
client.call("generate", {"prompt": 5})
client.call("generate", {})
client.call("generate", {"prompt": "x"})["txt"]
client.call("generate", {"prompt": "x"})["text"] + 1
client.stream("stream_generate", {"prompt": "x"}).result()["token"]
"""


def mypy(folder: Path, types: str, name: str, program: str) -> list[str]:
    (folder / f"{name}.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"{name}.py", types]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if ": error:" in line]


@pytest.mark.parametrize("suffix", [".py", ".pyi"])
def test_wrong_fields_fail_mypy(shared_node: Node, tmp_path: Path, suffix: str) -> None:
    assert main([shared_node.url, "-o", str(tmp_path / f"realm_types{suffix}")]) == 0
    types = f"realm_types{suffix}"
    assert mypy(tmp_path, types, "good", GOOD) == []
    errors = mypy(tmp_path, types, "bad", BAD)
    assert [int(line.split(":")[1]) for line in errors] == list(range(4, 11)), errors


def test_a_node_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ws://127.0.0.1:1", "-o", str(tmp_path / "types.py")]) == 1
    assert "cannot connect" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_names_of_types() -> None:
    name = parse("Option<Vec<(u32, [u8; 32])>>")
    assert (name.head, name.parts[0].head, name.parts[0].parts[0].head) == ("Option", "Vec", "()")
    assert [part.text for part in name.parts[0].parts[0].parts] == ["u32", "[u8; 32]"]
