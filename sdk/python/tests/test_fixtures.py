"""The wire fixtures (tests/wire-fixtures/README.md) over websockets itself, without the client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Node
from websockets.asyncio.client import connect

FOLDER = Path(__file__).parents[3] / "tests" / "wire-fixtures"
BIND = "$bind:"
HANG = 60.0


def mismatch(pattern: Any, value: Any, bound: dict[str, Any], path: str = "$") -> str | None:
    """Where a value does not match."""
    differs = f"{path}: expected {pattern!r}, got {value!r}"
    if pattern == "$any":
        return None
    if pattern == "$string":
        return None if isinstance(value, str) else differs
    if pattern == "$number":
        return None if isinstance(value, (int, float)) and not isinstance(value, bool) else differs
    if isinstance(pattern, str) and pattern.startswith(BIND):
        known = bound.setdefault(pattern, value)
        return None if known == value else f"{path}: expected {known!r}, got {value!r}"
    if isinstance(pattern, list):
        if not isinstance(value, list) or len(value) != len(pattern):
            return differs
        found = (mismatch(one, other, bound, f"{path}[{at}]") for at, (one, other) in enumerate(zip(pattern, value)))
        return next((wrong for wrong in found if wrong), None)
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            return differs
        fields = {name: each for name, each in pattern.items() if name != "$more"}
        extra = [name for name in value if name not in fields]
        if extra and "$more" not in pattern:
            return f"{path}.{extra[0]}: not expected"
        for name, each in fields.items():
            wrong = f"{path}.{name}: missing" if name not in value else mismatch(each, value[name], bound, f"{path}.{name}")
            if wrong:
                return wrong
        return None
    return None if pattern == value and type(pattern) is type(value) else differs


def filled(frame: Any, bound: dict[str, Any]) -> Any:
    if isinstance(frame, str):
        return bound.get(frame, frame)
    if isinstance(frame, list):
        return [filled(each, bound) for each in frame]
    if isinstance(frame, dict):
        return {name: filled(each, bound) for name, each in frame.items()}
    return frame


async def replay(url: str, steps: list[dict[str, Any]]) -> None:
    bound: dict[str, Any] = {}
    socket = await connect(url, proxy=None)
    for step in steps:
        if step.get("reconnect"):
            socket.transport.abort()
            socket = await connect(url, proxy=None)
        elif "send" in step:
            frame = step["send"]
            await socket.send(frame if isinstance(frame, str) else json.dumps(filled(frame, bound)))
        elif "receive" in step:
            wrong = mismatch(step["receive"], json.loads(await socket.recv()), bound)
            assert wrong is None, wrong
        else:
            while True:
                frame, tried = json.loads(await socket.recv()), dict(bound)
                last = mismatch(step["receive_until"], frame, tried)
                if last is None:
                    bound = tried
                    break
                each = mismatch(step["each"], frame, bound)
                assert each is None, f"{each}; nor is it the last: {last}"
    socket.transport.abort()


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.json")))
def test_fixture(name: str, shared_node: Node) -> None:
    steps = json.loads((FOLDER / name).read_text())["steps"]
    asyncio.run(asyncio.wait_for(replay(shared_node.url, steps), HANG))
