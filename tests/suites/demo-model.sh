#!/usr/bin/env bash
# The first thing a newcomer does: the demo model answers over a plain WebSocket, and is scored a little.
set -euo pipefail
log="$(mktemp)"
"$REALM" serve --dev --port 0 --no-metrics >"$log" 2>&1 &
node=$!
trap 'kill "$node" 2>/dev/null; wait "$node" 2>/dev/null; rm -f "$log"' EXIT
url=""
for _ in $(seq 300); do
    url="$(sed -e 's/\x1b\[[0-9;]*m//g' "$log" | grep -o 'ws://[0-9.:]*' | head -n 1 || true)"
    [ -n "$url" ] && break
    kill -0 "$node" 2>/dev/null || { cat "$log"; exit 1; }
    sleep 0.1
done
./scripts/eval-model.sh --url "$url" --skills capitals,memory --limit 40
