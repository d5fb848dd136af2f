//! Writes the runtimes of the suite `hostile` into a folder:
//! `cargo run --release -p realm-tests --example hostile_blobs -- FOLDER`
//!
//! - `abusive.wasm`: takes processor time, memory, storage and tokens as its caller asks.
//! - `looping_trial.wasm`: its `health_check`, which the node calls before an upgrade, never returns.
//! - `looping_migration.wasm`: its migration never returns.
//! - `forged_name.wasm`: its name holds a line break and terminal escapes.

use realm_tests::blob::{Blob, LOOP};
use std::{fs, path::PathBuf};

/// The name of the default runtime: an upgrade must keep it.
const SPEC_NAME: &str = "realm";
/// Above the versions of all runtimes that the suite puts in force before.
const SPEC_VERSION: u32 = 2000;
const FORGED_NAME: &str = "realm\n2026-12-01T00:00:00Z ERROR forged \u{1b}[31mred\u{1b}[0m";

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| std::io::Error::other("usage: hostile_blobs FOLDER"))?;
    fs::create_dir_all(&folder)?;
    let blob = Blob { spec_name: SPEC_NAME, ..Blob::version(SPEC_VERSION) };
    let blobs = [
        ("abusive.wasm", realm_abusive_runtime::WASM_BINARY.to_vec()),
        ("looping_trial.wasm", Blob { health_check: LOOP, ..blob }.wasm()),
        ("looping_migration.wasm", Blob { migrate: LOOP, ..blob }.wasm()),
        ("forged_name.wasm", Blob { spec_name: FORGED_NAME, ..blob }.wasm()),
    ];
    for (name, wasm) in blobs {
        fs::write(folder.join(name), wasm)?;
    }
    Ok(())
}
