//! Finds a compiler that makes wasm. In this order: the one named by the environment, the one that
//! builds the node if its wasm target is installed, Debian's packages with their library sources.

use crate::BlobError;
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// Targets that can be used, best first: the first has no features beyond WebAssembly 1.0.
const TARGETS: [&str; 2] = ["wasm32v1-none", "wasm32-unknown-unknown"];
/// Where Debian's `rustc-web`, `cargo-web` and `rust-web-src` put things.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// A way to compile for wasm.
pub(crate) struct Toolchain {
    pub cargo: PathBuf,
    pub rustc: PathBuf,
    pub target: &'static str,
    /// Some: the target's library is not there, and is compiled along with this linker.
    pub build_std: Option<PathBuf>,
    /// The compiler's own folder, whose path must not reach the blob.
    pub sysroot: PathBuf,
}

/// The first way that works on this machine.
pub(crate) fn find() -> Result<Toolchain, BlobError> {
    for name in ["REALM_WASM_CARGO", "REALM_WASM_RUSTC"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if let (Some(cargo), Some(rustc)) = (env::var_os("REALM_WASM_CARGO"), env::var_os("REALM_WASM_RUSTC")) {
        return installed(PathBuf::from(cargo), PathBuf::from(rustc)).ok_or(BlobError::NoToolchain);
    }
    // Cargo tells a build script which cargo and rustc are running.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    if let Some(toolchain) = installed(PathBuf::from(cargo), PathBuf::from(&rustc)) {
        return Ok(toolchain);
    }
    let debian = Path::new(DEBIAN_RUSTC);
    let Some(sysroot) = sysroot(debian) else { return Err(BlobError::NoToolchain) };
    if !Path::new(DEBIAN_CARGO).exists() || !sysroot.join("lib/rustlib/src/rust/library/core").exists() {
        return Err(BlobError::NoToolchain);
    }
    let linker = linker(Path::new(&rustc)).ok_or_else(|| BlobError::NoLinker { rustc: debian.to_path_buf() })?;
    Ok(Toolchain {
        cargo: PathBuf::from(DEBIAN_CARGO),
        rustc: debian.to_path_buf(),
        target: TARGETS[0],
        build_std: Some(linker),
        sysroot,
    })
}

/// This compiler, if a wasm target is installed in it.
fn installed(cargo: PathBuf, rustc: PathBuf) -> Option<Toolchain> {
    let sysroot = sysroot(&rustc)?;
    let target = TARGETS.into_iter().find(|target| sysroot.join("lib/rustlib").join(target).join("lib").exists())?;
    Some(Toolchain { cargo, rustc, target, build_std: None, sysroot })
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    printed(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

/// A linker for wasm: the rust-lld of the toolchain that builds the node, or Debian's.
fn linker(rustc: &Path) -> Option<PathBuf> {
    let host = printed(rustc, &["-vV"])?.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_string))?;
    let ours = sysroot(rustc)?.join("lib/rustlib").join(host).join("bin/rust-lld");
    if ours.exists() {
        return Some(ours);
    }
    let versioned = (14..=30).rev().map(|version| PathBuf::from(format!("/usr/bin/wasm-ld-{version}")));
    std::iter::once(PathBuf::from("/usr/bin/wasm-ld")).chain(versioned).find(|path| path.exists())
}

fn printed(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(rustc).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}
