#!/usr/bin/env bash
# docs/runtime-author.md, followed to the letter: a runtime is written, built, tried, uploaded and called.
set -euo pipefail
exec python3 tests/runtime-author/follow.py
