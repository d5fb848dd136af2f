#!/usr/bin/env bash
# Builds the node and its runtime blob, and serves the dev chain, or what --chain says, on ws://127.0.0.1:9944.
# Arguments go to `realm serve`: ./scripts/run.sh --model path/to/model.gguf --port 9955
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
cargo build --release --locked --package realm-node --bin realm
target="${CARGO_TARGET_DIR:-target}"
exec "$target/release/realm" serve "$@"
