#!/usr/bin/env bash
# The whole test suite. Needs no network once cargo has fetched the dependencies.
# Arguments go to `cargo test`: ./scripts/test.sh -p realm-engine cache
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
if [ $# -eq 0 ]; then set -- --workspace; fi
# One profile for node and tests: kernels are too slow without optimisation, and everything is built once.
exec cargo test --release --locked "$@"
