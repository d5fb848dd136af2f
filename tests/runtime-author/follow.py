"""Follows docs/runtime-author.md to the letter: runs its commands, makes its changes, and compares what it says is printed.

Needs REALM, the program, as scripts/test-clients.sh sets it; the node that the page wants beside it is started here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/runtime-author.md"
REALM = Path(os.environ["REALM"])
# What stands for text that differs from build to build.
ANYTHING = "…"
MADE = [ROOT / "my-runtime", ROOT / "my-runtime.wasm"]


def start_node() -> tuple[subprocess.Popen[str], str]:
    node = subprocess.Popen(
        [REALM, "serve", "--dev", "--port", "0", "--no-metrics", "--log-format", "json"], stderr=subprocess.PIPE, text=True
    )
    assert node.stderr is not None
    for line in node.stderr:
        if found := re.search(r"ws://[0-9.:]+", line):
            return node, found.group()
    raise SystemExit(f"the node ended with {node.wait()}")


def run(commands: str, environment: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-euxo", "pipefail", "-c", commands], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    if done.returncode != 0:
        raise SystemExit(f"docs/runtime-author.md: a command failed ({done.returncode})")
    return done.stdout


def compare(expected: str, printed: str) -> None:
    patterns = [".*".join(map(re.escape, line.split(ANYTHING))) for line in expected.splitlines()]
    lines = printed.splitlines()
    if len(patterns) != len(lines) or not all(map(re.fullmatch, patterns, lines)):
        raise SystemExit(f"docs/runtime-author.md says that this is printed:\n{expected}\nand it was:\n{printed}")


def main() -> None:
    for made in MADE:
        if made.exists():
            raise SystemExit(f"{made} is there already; remove it first")
    blocks = re.findall(r"```(sh|diff|text)\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "diff", "sh", "text", "sh", "text"], "the page has other steps than this test"
    node, url = start_node()
    # The page's own folder of programs comes first in PATH, and may be elsewhere here.
    environment = {**os.environ, "REALM_URL": url, "PATH": f"{REALM.parent}:{os.environ['PATH']}"}
    printed = ""
    try:
        for kind, text in blocks:
            if kind == "sh":
                printed = run(text, environment)
            elif kind == "diff":
                subprocess.run(["git", "apply", "-"], cwd=ROOT, input=text, text=True, check=True)
            else:
                compare(text, printed)
    finally:
        node.terminate()
        node.wait()
        for made in MADE:
            shutil.rmtree(made) if made.is_dir() else made.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
