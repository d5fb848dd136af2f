//! Why a blob was not built, in words that say what to do.

use std::{path::PathBuf, process::ExitStatus};

/// Why a blob was not built.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Cargo did not tell the build script something it always tells.
    #[error("{0} is not set; build_blob() works only in a cargo build script")]
    NotABuildScript(&'static str),
    /// There is no compiler that makes wasm.
    #[error(
        "no compiler for wasm was found. Run ./scripts/setup.sh once, or do one of these yourself:\n  \
         1. rustup target add wasm32v1-none\n  \
         2. on Debian: apt-get install rustc-web cargo-web rust-web-src, beside a rustup toolchain's rust-lld or Debian's lld\n  \
         3. set REALM_WASM_CARGO and REALM_WASM_RUSTC to a cargo and rustc that have the target wasm32v1-none"
    )]
    NoToolchain,
    /// The compiler is there, and no linker for wasm.
    #[error(
        "{rustc} can compile for wasm with its library sources, but no linker for wasm was found: \
         install Debian's lld (wasm-ld), or a rustup toolchain (it carries rust-lld)"
    )]
    NoLinker {
        /// The compiler that lacks it.
        rustc: PathBuf,
    },
    /// The inner cargo could not be started.
    #[error("cannot run {program}: {source}")]
    Spawn {
        /// What was to be run.
        program: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The inner cargo failed; its own messages stand above.
    #[error("compiling to wasm failed ({0}); the compiler's messages stand above")]
    Failed(ExitStatus),
    /// The blob, or the list of its sources, is not where cargo should have put it.
    #[error("cannot read {path}: {source}")]
    Output {
        /// What should be there.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
}
