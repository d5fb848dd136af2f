#!/usr/bin/env bash
# Scores the demo model on its held-out cases, through a running node.
#
#   ./scripts/run.sh &                 # or any node, with its URL below
#   ./scripts/eval-model.sh [--url ws://127.0.0.1:9944] [--key KEY] [--skills memory,sums] [--limit N] [--failures]
#
# Needs Python 3.10 or newer and nothing else. Exits with 1 when a skill misses its goal.
# With `--weights models/realm-demo.gguf` it scores the file in PyTorch instead, without a
# node; that needs models/requirements.txt.
set -euo pipefail
cd "$(dirname "$0")/../models"
exec python3 -m realm_demo.evaluation.score "$@"
