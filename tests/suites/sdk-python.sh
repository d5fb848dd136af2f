#!/usr/bin/env bash
# The Python SDK against real nodes: through restarts, an upgrade, and connections that are cut.
set -euo pipefail
cd sdk/python
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -e . -r requirements-test.txt
.venv/bin/mypy
.venv/bin/python -m pytest -q -p no:cacheprovider
