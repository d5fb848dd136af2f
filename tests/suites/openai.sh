#!/usr/bin/env bash
# OpenAI's own packages for Python and JavaScript, unchanged, against a node with the demo model.
set -euo pipefail
cd tests/openai
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
npm install --no-package-lock --no-audit --no-fund --silent

log="$(mktemp)" folder="" node=""
stop() { kill "$1" 2>/dev/null; wait "$1" 2>/dev/null || true; }
trap '[ -z "$node" ] || stop "$node"; rm -rf "$log" ${folder:+"$folder"}' EXIT

# Starts a node and waits for its address.
serve() {
    "$REALM" serve "$@" --port 0 --no-metrics >"$log" 2>&1 &
    node=$!
    address=""
    for _ in $(seq 300); do
        address="$(sed -e 's/\x1b\[[0-9;]*m//g' "$log" | grep -o 'ws://[0-9.:]*' | head -n 1 || true)"
        [ -z "$address" ] || return 0
        kill -0 "$node" 2>/dev/null || { cat "$log"; exit 1; }
        sleep 0.1
    done
    echo "the node does not listen"
    exit 1
}

serve --dev
# The dev chain asks for no key, but the packages insist on one.
export REALM_HTTP="http${address#ws}" REALM_KEY=none
.venv/bin/python -m pytest -q -p no:cacheprovider test_openai.py
node --test openai.test.mjs

# The same packages against a chain that needs keys.
stop "$node"
folder="$(mktemp -d)"
root="$("$REALM" key generate --base-path "$folder" 2>/dev/null)"
serve --chain local --base-path "$folder"
export REALM_HTTP="http${address#ws}"
REALM_KEY="$("$REALM" key generate --tenant acme_corp --url "$address" --api-key "$root" 2>/dev/null)"
.venv/bin/python -m pytest -q -p no:cacheprovider test_keys.py
node --test keys.test.mjs
