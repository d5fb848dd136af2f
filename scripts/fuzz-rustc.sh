#!/bin/sh
# A wrapper of rustc (RUSTC_WORKSPACE_WRAPPER) that adds libFuzzer's coverage to this workspace's crates. Cargo asks it
# only for those, so the dependencies of an ordinary release build are used as they are. Works with a stable compiler.
#
# Left as they are: build scripts and what only they use, macros, and blobs, which run without libFuzzer; and the
# kernels, whose inner loops have no branches worth finding and would be several times slower.
name=
for argument in "$@"; do
    case "$previous" in --crate-name) name="$argument" ;; esac
    previous="$argument"
done
case "$name" in
    '' | build_script_* | realm_macros | realm_wasm_builder | realm_runtime | *_runtime | realm_kernels) exec "$@" ;;
esac
exec "$@" --cfg fuzzing \
    -C debug-assertions=on -C overflow-checks=on -C codegen-units=16 \
    -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares
