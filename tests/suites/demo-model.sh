#!/usr/bin/env bash
# The demo model: it is scored a little over a plain WebSocket, its corpus keeps its promises, and `realm bench` measures it.
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
(cd models && python3 -m unittest discover tests)
# Only that it measures: the figures are those of this machine at this moment.
figures="$("$REALM" bench --model models/realm-demo.gguf --streams 1 --tokens 8 --prompt-tokens 16 --rounds 1 --threads 1 --no-dispatch)"
printf '%s\n' "$figures"
for layer in engine runtime socket; do
    grep -Eq "^$layer +1 +[0-9]+\.[0-9]" <<<"$figures" || { echo "realm bench has no figures of $layer" >&2; exit 1; }
done
