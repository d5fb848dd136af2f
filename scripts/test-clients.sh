#!/usr/bin/env bash
# The tests that run other people's programs against a real node: stock Polkadot clients, the SDKs, OpenAI's
# packages, browsers, proxies. Each is a script in tests/suites/, which installs what it needs with npm, pip or
# apt-get (so this needs a network, and ./scripts/test.sh does not).
#
#   ./scripts/test-clients.sh            all suites
#   ./scripts/test-clients.sh sdk-js     one
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
target="${CARGO_TARGET_DIR:-target}"
# With --workspace, so that what `cargo test --workspace` built is taken as it is.
cargo build --release --locked --workspace --bin realm --example summarize_blob
REALM="$(realpath "$target/release/realm")"
# The runtime of tests/runtimes/summarize: what suites upgrade a node to.
SUMMARIZE_BLOB="$(realpath "$target")/summarize.wasm"
"$target/release/examples/summarize_blob" "$SUMMARIZE_BLOB"
export REALM SUMMARIZE_BLOB

if [ $# -eq 0 ]; then
    for suite in tests/suites/*.sh; do set -- "$@" "$(basename "$suite" .sh)"; done
fi
failed=()
for suite in "$@"; do
    printf '\n== %s\n' "$suite"
    bash "tests/suites/$suite.sh" || failed+=("$suite")
done
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[*]}" >&2
    exit 1
fi
