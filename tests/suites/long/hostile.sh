#!/usr/bin/env bash
# One keyed node with three tenants under every known attack, while a neighbour chats: growth of memory, the neighbour's
# p99, stalls of async workers, and the books. Seconds of each attack: HOSTILE_SECONDS (default 6). Run it by hand on an
# idle machine; arguments choose attacks by a part of their names:
#
#   tests/suites/long/hostile.sh [NAME..]
set -euo pipefail
cd "$(dirname "$0")/../../.."
./scripts/setup.sh
target="$(realpath "${CARGO_TARGET_DIR:-target}")"
cargo build --release --locked --workspace --bin realm --example hostile_blobs
REALM="$target/release/realm"
HOSTILE_BLOBS="$target/hostile-blobs"
"$target/release/examples/hostile_blobs" "$HOSTILE_BLOBS"
DEMO_MODEL="$(realpath models/realm-demo.gguf)"
export REALM HOSTILE_BLOBS DEMO_MODEL
cd tests/hostile
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
exec .venv/bin/python run.py --seconds "${HOSTILE_SECONDS:-6}" "$@"
