#!/usr/bin/env bash
# Fuzzes: builds the targets of fuzz/ and runs each for a time, as many at once as there are cores.
#
#   scripts/fuzz.sh [MINUTES] [TARGET..]      default: 1 minute each, all targets
#
# REALM_FUZZ_PROFILE names the cargo profile; default release.
#
# Prints the number of runs of each target, and exits with 1 if any of them found something. An input that fails is
# kept in fuzz/artifacts/TARGET/. The corpus that grows lies in fuzz/corpus/TARGET/; both are ignored by git.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh

minutes=1
case "${1:-}" in
    '' | [!0-9]*) ;;
    *) minutes="$1"; shift ;;
esac
seconds="$(awk -v minutes="$minutes" 'BEGIN { print int(minutes * 60 + 0.5) }')"
if [ "$seconds" -lt 1 ]; then
    echo "fuzz: $minutes minutes are no time; give a number such as 0.5 or 10" >&2
    exit 2
fi
all=()
for file in fuzz/fuzz_targets/*.rs; do all+=("$(basename "$file" .rs)"); done
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then targets=("${all[@]}"); fi
for target in "${targets[@]}"; do
    if [ ! -f "fuzz/fuzz_targets/$target.rs" ]; then
        echo "fuzz: there is no target $target; the targets are: ${all[*]}" >&2
        exit 2
    fi
done

# All packages are named so that cargo chooses the same features as `cargo test --workspace`, and uses its dependencies.
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
profile="${REALM_FUZZ_PROFILE:-release}"
RUSTC_WORKSPACE_WRAPPER="$PWD/scripts/fuzz-rustc.sh" \
    cargo build --profile "$profile" --locked --workspace "${bins[@]}"

case "$profile" in
    dev) built="${CARGO_TARGET_DIR:-target}/debug" ;;
    *) built="${CARGO_TARGET_DIR:-target}/$profile" ;;
esac
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/tmp"

# One target, until its time is over or it finds something.
fuzz_one() {
    local target="$1"
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    # TMPDIR: what a process leaves behind when libFuzzer ends it goes with the scratch folder.
    if TMPDIR="$scratch/tmp" "$built/$target" "fuzz/corpus/$target" "fuzz/corpus-seed/$target" \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target/" >"$scratch/$target.log" 2>&1; then
        echo ok >"$scratch/$target.outcome"
    else
        echo found >"$scratch/$target.outcome"
    fi
}

jobs_max="$(nproc)"
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs_max" ]; do wait -n || true; done
    fuzz_one "$target" &
done
wait

failed=0
for target in "${targets[@]}"; do
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$target.log")"
    speed="$(sed -n 's/^stat::average_exec_per_sec: *//p' "$scratch/$target.log")"
    printf '%-20s %10s runs %8s/s  %s\n' "$target" "${runs:-?}" "${speed:-?}" "$(cat "$scratch/$target.outcome")"
    if [ "$(cat "$scratch/$target.outcome")" != ok ]; then
        failed=1
        tail -n 60 "$scratch/$target.log"
    fi
done
exit "$failed"
