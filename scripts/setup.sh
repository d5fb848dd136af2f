#!/usr/bin/env bash
# Makes this machine able to build Realm: a C compiler for a few dependencies, and a compiler that
# makes wasm for the runtime blob. Does nothing where all is there; safe to run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else return 1
    fi
}

debian_install() {
    command -v apt-get >/dev/null || return 1
    # The lists may be old or absent on a fresh machine; an update that fails shows in the install.
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

if ! command -v cargo >/dev/null; then
    say "cargo is not installed. Install a Rust toolchain with rustup, then run this again."
    exit 1
fi

if ! command -v cc >/dev/null; then
    say "installing a C compiler (build-essential)"
    if ! debian_install build-essential; then
        say "no C compiler (cc) was found and none could be installed; install one, then run this again."
        exit 1
    fi
fi

wasm_target_installed() {
    local libraries
    libraries="$(rustc --print sysroot)/lib/rustlib"
    [ -d "$libraries/wasm32v1-none/lib" ] || [ -d "$libraries/wasm32-unknown-unknown/lib" ]
}

# Debian's compiler, recent enough for the workspace's `rust-version`, with its library sources.
debian_wasm_compiler_installed() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] || return 1
    [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/core" ] || return 1
    local needed found
    needed="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
    found="$(/usr/bin/rustc --version | cut -d ' ' -f 2)"
    [ "$(printf '%s\n' "$needed" "$found" | sort -V | head -n 1)" = "$needed" ]
}

if wasm_target_installed || debian_wasm_compiler_installed; then
    exit 0
fi
if command -v rustup >/dev/null; then
    say "adding the wasm32v1-none target with rustup"
    # An offline machine must not wait for long before the next way is tried.
    if timeout 120 rustup target add wasm32v1-none >&2 && wasm_target_installed; then
        exit 0
    fi
    say "rustup could not add it"
fi
say "installing Debian's compiler and its library sources"
if debian_install rustc-web cargo-web rust-web-src && debian_wasm_compiler_installed; then
    exit 0
fi
cat >&2 <<'MESSAGE'
setup: no compiler for wasm could be set up. Any one of these will do:
  1. with rustup and a network:   rustup target add wasm32v1-none
  2. on Debian:                   apt-get install rustc-web cargo-web rust-web-src
  3. any other toolchain with that target: set REALM_WASM_CARGO and REALM_WASM_RUSTC to its cargo and rustc
MESSAGE
exit 1
