#!/usr/bin/env bash
# OpenAI's own packages for Python and JavaScript, unchanged, against a node with the demo model.
set -euo pipefail
cd tests/openai
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
npm install --no-package-lock --no-audit --no-fund --silent

log="$(mktemp)"
"$REALM" serve --dev --port 0 --no-metrics >"$log" 2>&1 &
node=$!
trap 'kill "$node" 2>/dev/null; wait "$node" 2>/dev/null; rm -f "$log"' EXIT
address=""
for _ in $(seq 300); do
    address="$(sed -e 's/\x1b\[[0-9;]*m//g' "$log" | grep -o 'ws://[0-9.:]*' | head -n 1 || true)"
    [ -n "$address" ] && break
    kill -0 "$node" 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done
# The dev chain asks for no key, but the packages insist on one.
export REALM_HTTP="http${address#ws}" REALM_KEY=none
.venv/bin/python -m pytest -q -p no:cacheprovider test_openai.py
node --test openai.test.mjs
