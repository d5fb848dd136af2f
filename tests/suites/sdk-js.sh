#!/usr/bin/env bash
# The JavaScript SDK against real nodes: through a restart, an upgrade, and connections that are cut; its types compiled.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$(realpath "${CARGO_TARGET_DIR:-target}")"
cargo build --release --locked --workspace --example long_model
LONG_MODEL="$target/long.gguf"
"$target/release/examples/long_model" "$LONG_MODEL"
export LONG_MODEL
cd sdk/js
npm ci --no-audit --no-fund
npm run build
npm test
