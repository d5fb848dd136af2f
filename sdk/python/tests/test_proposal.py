"""The program of the original proposal runs as it stands, apart from the address and the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Node

PROGRAM = (Path(__file__).parent / "programs" / "proposal.py").read_text()


def test_the_proposals_program(keyed_node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    key = keyed_node.command("key", "generate", "--tenant", "acme_corp").strip()
    program = PROGRAM
    for old, now in (("'ws://localhost:8080'", repr(keyed_node.url)), ("'your-api-key'", repr(key))):
        assert program.count(old) == 1, old
        program = program.replace(old, now)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(program, "proposal.py", "exec"), names)
    client, result, token = names["client"], names["result"], names["token"]
    try:
        assert result["tokens_generated"] > 0 and result["text"]
        streamed = capsys.readouterr().out
        assert streamed.endswith(token.text) and token.text == token["token"] and len(streamed) > len(token.text)
        functions = client.call("system_metadata")["functions"]
        assert any(function["name"] == "generate" for function in functions)
    finally:
        client.close()
