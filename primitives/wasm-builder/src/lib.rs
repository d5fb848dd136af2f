//! Compiles a runtime crate to its wasm blob, from that crate's own build script, so that an
//! ordinary `cargo build` of the node makes the blob from source.
//!
//! ```text
//! cargo build ─► runtime/build.rs ─► build_blob()
//!                  └ finds a compiler for wasm (toolchain.rs)
//!                  └ runs cargo on the same crate for wasm, release, one codegen unit
//!                  └ writes $OUT_DIR/blob.rs:  pub const WASM_BINARY: &[u8] = include_bytes!(..)
//! ```
//!
//! A runtime crate has this as its whole build script, and `include!`s `blob.rs` when it is not
//! itself being compiled to wasm:
//!
//! ```no_run
//! realm_wasm_builder::build_blob();
//! ```
//!
//! The same sources give the same bytes, wherever the checkout lies: paths are remapped, and there
//! is one codegen unit and no debug information.

mod compile;
mod error;
mod toolchain;

use std::{env, path::PathBuf, process};

pub use error::BlobError;

/// Set while the inner build runs, so that the runtime's build script does not build itself again.
const INNER_BUILD: &str = "REALM_WASM_INNER_BUILD";
/// Set by a user (to anything) who wants an empty blob: `cargo check` of the node on a machine
/// without any wasm compiler. A node built so refuses to start without a blob given by path.
const SKIP_BUILD: &str = "REALM_SKIP_WASM_BUILD";

/// Builds the calling package's blob and writes `$OUT_DIR/blob.rs`. On failure prints one message
/// that says what to do, and ends the build script.
pub fn build_blob() {
    println!("cargo:rerun-if-env-changed={SKIP_BUILD}");
    if env::var_os(INNER_BUILD).is_some() {
        return;
    }
    let code = if env::var_os(SKIP_BUILD).is_some() {
        println!("cargo:warning=the runtime blob is left empty, because {SKIP_BUILD} is set");
        "pub const WASM_BINARY: &[u8] = &[];\n".to_string()
    } else {
        match compile::compile() {
            Ok(blob) => format!("pub const WASM_BINARY: &[u8] = include_bytes!({blob:?});\n"),
            Err(error) => {
                eprintln!("error: the runtime blob was not built: {error}");
                process::exit(1);
            }
        }
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("blob.rs");
    if let Err(error) = std::fs::write(&out, code) {
        eprintln!("error: cannot write {}: {error}", out.display());
        process::exit(1);
    }
}
