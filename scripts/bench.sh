#!/usr/bin/env bash
# Measures Realm beside llama.cpp on the same files in the same run, and prints ratios of medians.
#
#   ./scripts/bench.sh [--models NAME,..] [--rounds N] [--threads N] [--streams 1,8] [--tokens N] [--json FILE]
#
# Names are those of benches/make_models.py, for example tinyllama-q8_0; default all of them. Files and the peer,
# which pip builds from source for this processor, are kept in target/bench. Needs a network the first time.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
cargo build --release --locked --package realm-node --bin realm
target="${CARGO_TARGET_DIR:-target}"
names=()
rest=()
while [ $# -gt 0 ]; do
    case "$1" in
        --models) IFS=, read -r -a names <<<"$2"; shift 2 ;;
        *) rest+=("$1"); shift ;;
    esac
done
mkdir -p "$target/bench"
if [ ! -x "$target/bench/venv/bin/python" ]; then python3 -m venv "$target/bench/venv"; fi
"$target/bench/venv/bin/pip" install --quiet --requirement benches/requirements.txt
mapfile -t files < <("$target/bench/venv/bin/python" benches/make_models.py "$target/bench/models" "${names[@]}")
exec "$target/bench/venv/bin/python" benches/compare.py --realm "$target/release/realm" --models "${files[@]}" "${rest[@]}"
