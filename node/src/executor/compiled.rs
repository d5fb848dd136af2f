//! Machine code of runtimes, kept between starts: compiling a blob is most of the time that a node
//! takes until it answers.
//!
//! ```text
//!   <folder>/<blake2-256 of the blob>.cwasm = blake2-256 of the rest · what wasmtime serialised
//! ```
//!
//! Only code that a start puts in force is kept; an upgrade that is refused leaves nothing. A file that
//! is damaged, or that another version or configuration wrote, is compiled again. Nothing here fails a
//! start: what cannot be read or written is only told in the log.

use sp_crypto_hashing::blake2_256;
use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::SystemTime,
};
use wasmtime::{Engine, Module};

/// Files that are kept; the oldest give way.
const FILES_MAX: usize = 8;
const EXTENSION: &str = "cwasm";
const CHECKSUM_BYTES: usize = 32;
/// Only the node's user may look into the folder.
const FOLDER_MODE: u32 = 0o700;
/// Bits of a mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The module of a blob: from the folder, or compiled and left there.
pub(super) fn module(engine: &Engine, folder: Option<&Path>, code: &[u8]) -> wasmtime::Result<Module> {
    let Some(folder) = folder else { return Module::new(engine, code) };
    let path = folder.join(hex::encode(blake2_256(code))).with_extension(EXTENSION);
    if let Some(module) = load(engine, folder, &path) {
        return Ok(module);
    }
    let module = Module::new(engine, code)?;
    if let Err(error) = module.serialize().map_err(io::Error::other).and_then(|bytes| keep(folder, &path, &bytes)) {
        tracing::debug!(path = %path.display(), %error, "compiled code is not kept");
    }
    Ok(module)
}

/// The module that a compiler of ours has just made: machine code that never left the two processes.
pub(super) fn of_compiler(engine: &Engine, machine_code: &[u8]) -> wasmtime::Result<Module> {
    // SAFETY: a process of this program's wrote these bytes into a pipe that only it and this one hold. wasmtime refuses
    // those of another version or setting.
    unsafe { Module::deserialize(engine, machine_code) }
}

fn load(engine: &Engine, folder: &Path, path: &Path) -> Option<Module> {
    let bytes = fs::read(path).ok()?;
    if !is_ours(folder) || !is_ours(path) {
        tracing::warn!(path = %path.display(), "compiled code that others could have written is not used");
        return None;
    }
    let (checksum, artifact) = bytes.split_at_checked(CHECKSUM_BYTES)?;
    if checksum != blake2_256(artifact) {
        tracing::warn!(path = %path.display(), "compiled code is damaged and compiled again");
        return None;
    }
    // SAFETY: these are the bytes that this program's wasmtime serialised: only this user may write the file and its
    // folder, and the checksum says that nothing changed since. wasmtime refuses those of another version or setting.
    let module = unsafe { Module::deserialize(engine, artifact) };
    module.inspect_err(|error| tracing::debug!(path = %path.display(), %error, "compiled code is of another kind")).ok()
}

/// Whether only this process's user can have written it.
fn is_ours(path: &Path) -> bool {
    // SAFETY: takes nothing, and cannot fail.
    let user = unsafe { libc::geteuid() };
    fs::metadata(path).is_ok_and(|found| found.uid() == user && found.mode() & WRITABLE_BY_OTHERS == 0)
}

fn keep(folder: &Path, path: &Path, artifact: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    make_room(folder)?;
    // Whole or not at all, also if two nodes start at once.
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = File::create(&fresh)?;
    let written = file.write_all(&blake2_256(artifact)).and_then(|()| file.write_all(artifact));
    written.and_then(|()| fs::rename(&fresh, path)).inspect_err(|_| {
        // What is left of it would only take room.
        let _ = fs::remove_file(&fresh);
    })
}

fn make_room(folder: &Path) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == EXTENSION))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = (files.len() + 1).saturating_sub(FILES_MAX);
    files.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn blob(answer: u32) -> Vec<u8> {
        wat::parse_str(format!(r#"(module (func (export "f") (result i32) (i32.const {answer})))"#)).unwrap()
    }

    fn answer(engine: &Engine, module: &Module) -> i32 {
        let mut store = wasmtime::Store::new(engine, ());
        let instance = wasmtime::Instance::new(&mut store, module, &[]).unwrap();
        instance.get_typed_func::<(), i32>(&mut store, "f").unwrap().call(&mut store, ()).unwrap()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn code_is_kept_and_taken_again_and_only_if_it_is_whole_and_ours() {
        let (engine, parent) = (Engine::default(), tempfile::tempdir().unwrap());
        let folder = parent.path().join("compiled");
        let get = |code: &[u8]| answer(&engine, &module(&engine, Some(&folder), code).unwrap());
        let code = blob(7);
        assert_eq!(get(&code), 7);
        let kept = files(&folder);
        assert_eq!(kept.len(), 1);
        assert!(load(&engine, &folder, &kept[0]).is_some());
        assert_eq!(get(&code), 7);

        // Damaged anywhere, cut anywhere, or of another engine: compiled again.
        let whole = fs::read(&kept[0]).unwrap();
        for at in [0, CHECKSUM_BYTES, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            for bytes in [&damaged[..], &whole[..at]] {
                fs::write(&kept[0], bytes).unwrap();
                assert!(load(&engine, &folder, &kept[0]).is_none(), "damaged at {at}");
                assert_eq!(get(&code), 7);
            }
        }
        let other = Engine::new(wasmtime::Config::new().epoch_interruption(true)).unwrap();
        assert!(load(&other, &folder, &kept[0]).is_none());

        // Others could have written it.
        fs::set_permissions(&kept[0], fs::Permissions::from_mode(0o666)).unwrap();
        assert!(load(&engine, &folder, &kept[0]).is_none());
        assert_eq!(get(&code), 7);
    }

    #[test]
    fn old_code_gives_way_and_a_folder_that_cannot_be_does_no_harm() {
        let (engine, parent) = (Engine::default(), tempfile::tempdir().unwrap());
        let folder = parent.path().join("compiled");
        for number in 0..FILES_MAX as u32 + 3 {
            module(&engine, Some(&folder), &blob(number)).unwrap();
        }
        assert_eq!(files(&folder).len(), FILES_MAX);
        let file = parent.path().join("a file");
        fs::write(&file, "no folder").unwrap();
        assert_eq!(answer(&engine, &module(&engine, Some(&file.join("compiled")), &blob(5)).unwrap()), 5);
    }
}
