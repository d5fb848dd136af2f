//! Runs the inner cargo and finds what it made.

use crate::{BlobError, INNER_BUILD, toolchain};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Room for the guest's stack, in bytes. It lies below the data, so that an overflow traps.
const STACK_BYTES: u32 = 256 * 1024;
/// Room for the guest's heap that its memory begins with, in bytes (whole pages of 64 KiB). A call that stays within it
/// never grows its memory, which would have the system change the pages' protection twice a call, on all processors.
const HEAP_BYTES: u32 = 256 * 1024;

/// Compiles the calling package to wasm; the blob's path.
pub(crate) fn compile() -> Result<PathBuf, BlobError> {
    let manifest_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let package = variable("CARGO_PKG_NAME")?;
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let toolchain = toolchain::find()?;
    let target_dir = shared_target_dir(&out_dir);

    let mut cargo = Command::new(&toolchain.cargo);
    cargo.current_dir(&manifest_dir);
    // What the outer cargo was told about its own build must not reach the inner one.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let kept = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_REGISTRY_"];
        let ours = text.starts_with("CARGO")
            || text.starts_with("RUSTC")
            || text.starts_with("RUSTFLAGS")
            || text.starts_with("RUSTUP_TOOLCHAIN");
        if ours && !kept.iter().any(|prefix| text.starts_with(prefix)) {
            cargo.env_remove(&name);
        }
    }
    cargo
        .env(INNER_BUILD, "1")
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&manifest_dir, &toolchain.sysroot, &target_dir).join("\x1f"))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_INCREMENTAL", "false")
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        .args(["rustc", "--release", "--lib", "--crate-type", "cdylib"])
        .args(["--package", &package, "--target", toolchain.target]);
    if let Some(linker) = &toolchain.build_std {
        let variable = toolchain.target.to_uppercase().replace('-', "_");
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env(format!("CARGO_TARGET_{variable}_LINKER"), linker)
            .arg("-Zbuild-std=core,alloc");
    }
    let status = cargo.status().map_err(|source| BlobError::Spawn { program: toolchain.cargo.clone(), source })?;
    if !status.success() {
        return Err(BlobError::Failed(status));
    }

    let made = target_dir.join(toolchain.target).join("release").join(format!("{}.wasm", package.replace('-', "_")));
    watch_sources(&made.with_extension("d"))?;
    // The shared folder may be rewritten by another package's build; the blob is kept in our own.
    let blob = out_dir.join("blob.wasm");
    fs::copy(&made, &blob).map_err(|source| BlobError::Output { path: made, source })?;
    Ok(blob)
}

fn variable(name: &'static str) -> Result<String, BlobError> {
    env::var(name).map_err(|_| BlobError::NotABuildScript(name))
}

/// One folder for all blobs of a build, so that the library and shared crates are compiled once:
/// `target/realm-wasm`, found from `target/<profile>/build/<package>/out`.
fn shared_target_dir(out_dir: &Path) -> PathBuf {
    out_dir.ancestors().nth(4).unwrap_or(out_dir).join("realm-wasm")
}

/// Flags that make the bytes independent of where things lie, and set the stack.
fn rust_flags(manifest_dir: &Path, sysroot: &Path, target_dir: &Path) -> Vec<String> {
    let workspace =
        manifest_dir.ancestors().filter(|dir| dir.join("Cargo.lock").exists()).last().unwrap_or(manifest_dir);
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut flags = vec![
        format!("--remap-path-prefix={}=/realm", workspace.display()),
        format!("--remap-path-prefix={}=/sysroot", sysroot.display()),
        format!("--remap-path-prefix={}=/target", target_dir.display()),
        "-Cstrip=symbols".to_string(),
        format!("-Clink-arg=-zstack-size={STACK_BYTES}"),
        "-Clink-arg=--stack-first".to_string(),
        format!("-Clink-arg=--initial-heap={HEAP_BYTES}"),
    ];
    // A registry's sources lie in a folder named after the registry's address; the later flag wins.
    let registries =
        home.iter().flat_map(|home| fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten());
    let registries: Vec<_> =
        registries.map(|registry| format!("--remap-path-prefix={}=/crates", registry.path().display())).collect();
    flags.extend(home.iter().map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    flags.extend(registries);
    flags
}

/// Tells the outer cargo which files the blob came from, from the list that rustc wrote.
fn watch_sources(list: &Path) -> Result<(), BlobError> {
    let text = fs::read_to_string(list).map_err(|source| BlobError::Output { path: list.to_path_buf(), source })?;
    let sources = text.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, sources)| sources);
    // In these lists a blank inside a path is written as `\ `.
    for source in sources.replace("\\ ", "\0").split(' ').filter(|source| !source.is_empty()) {
        println!("cargo:rerun-if-changed={}", source.replace('\0', " "));
    }
    Ok(())
}
