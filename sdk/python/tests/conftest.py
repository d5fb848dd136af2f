"""A real node, started from the binary in REALM, that can be stopped and started again on its port."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REALM = os.environ["REALM"]
START_MAX = 60.0
LONG: dict[str, Any] = {
    "prompt": "Once upon a time",
    "max_tokens": 1000,
    "temperature": 1,
    "logit_bias": [{"token": token, "bias": -100} for token in range(16)],
}
"""A generation that takes a while: the control tokens come first in the model's vocabulary, and cannot end it."""


class Node:
    """A node with the demo model."""

    def __init__(self, folder: Path, chain: str = "dev") -> None:
        self.folder, self.chain = folder, chain
        self.api_key: str | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        command = [REALM, "serve", "--chain", self.chain, "--port", str(self.port), "--no-metrics", "--base-path", self.data]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + START_MAX
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)
        raise AssertionError("the node does not start")

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def command(self, *arguments: str) -> str:
        key = ["--api-key", self.api_key] if self.api_key else []
        done = subprocess.run([REALM, *arguments, "--url", self.url, *key], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def node() -> Iterator[Node]:
    """A node of the test's own."""
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder))
        node.start()
        yield node
        node.stop()


@pytest.fixture(scope="session")
def shared_node() -> Iterator[Node]:
    """A node for tests that change nothing of it."""
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder))
        node.start()
        yield node
        node.stop()


@pytest.fixture
def keyed_node() -> Iterator[Node]:
    """A node of a chain that needs keys, with the operator's."""
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder), "local")
        made = subprocess.run([REALM, "key", "generate", "--base-path", node.data], capture_output=True, text=True, check=True)
        node.start()
        node.api_key = made.stdout.strip()
        yield node
        node.stop()


def computed_when_idle(client: Any) -> int:
    """Waits until the node computes nothing any more; the tokens that it computed since it started."""
    until = time.monotonic() + START_MAX
    while time.monotonic() < until:
        status = client.request("realm_status")
        if status["calls_running"] + status["calls_waiting"] + sum(model["jobs"] for model in status["models"]) == 0:
            return sum(model["tokens_total"] for model in status["models"])
        time.sleep(0.02)
    raise AssertionError("the node goes on computing")


def readme_snippets() -> list[str]:
    """The Python in README.md, each piece that is a program."""
    text = (Path(__file__).parent.parent / "README.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)
