#!/usr/bin/env bash
# Unmodified Polkadot clients against real nodes: polkadot.js, papi, dedot, subxt and async-substrate-interface call,
# follow a hot swap without reconnecting and call the new function; their type generators' output compiles.
# See tests/clients/README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
target="$(realpath "${CARGO_TARGET_DIR:-target}")"
cargo build --release --locked --workspace --example long_model
LONG_MODEL="$target/long.gguf"
"$target/release/examples/long_model" "$LONG_MODEL"
# Not optimised: it is built once and makes a few calls.
cargo build --locked --manifest-path tests/clients/subxt/Cargo.toml --target-dir "$target/subxt"
SUBXT="$target/subxt/debug/realm-subxt-client"
cd tests/clients
npm ci --no-audit --no-fund
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
PYTHON="$PWD/.venv/bin/python"
export LONG_MODEL SUBXT PYTHON
exec npm test
