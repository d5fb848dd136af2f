//! Machine code of runtimes, kept between starts: compiling a blob is most of the time that a node
//! takes until it answers.
//!
//! ```text
//!   <folder>/<blake2-256 of the blob>.cwasm = blake2-256 of the rest · what wasmtime serialised
//! ```
//!
//! Only code that a start puts in force is kept; an upgrade that is refused leaves nothing. A file that
//! is damaged, or that another version or configuration wrote, is compiled again. A folder that others may write to
//! is neither read nor written, and no link in it is followed. Nothing here fails a start: what cannot be read or
//! written is only logged.

use super::error::CodeError;
use sp_crypto_hashing::blake2_256;
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};
use wasmtime::{Engine, Module};

/// Files that are kept; the oldest are removed first.
const FILES_MAX: usize = 1024;
/// Bytes of all files that are kept.
const BYTES_MAX: u64 = 1 << 30;
const EXTENSION: &str = "cwasm";
const CHECKSUM_BYTES: usize = 32;
/// Only the node's user may look into the folder and its files.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Bits of a mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The module of a blob: from the folder, or compiled and left there.
pub(super) fn module(
    engine: &Engine,
    folder: Option<&Path>,
    code: &[u8],
    compile: impl FnOnce() -> Result<Module, CodeError>,
) -> Result<Module, CodeError> {
    let Some(folder) = folder else { return compile() };
    let path = folder.join(hex::encode(blake2_256(code))).with_extension(EXTENSION);
    if let Some(module) = load(engine, folder, &path) {
        return Ok(module);
    }
    let module = compile()?;
    if let Err(error) = module.serialize().map_err(io::Error::other).and_then(|bytes| keep(folder, &path, &bytes)) {
        tracing::warn!(path = %path.display(), %error, "compiled code is not kept");
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

/// Whether only this process's user can have written it. A link is not: somebody else may change where it leads.
fn is_ours(path: &Path) -> bool {
    // SAFETY: takes nothing, and cannot fail.
    let user = unsafe { libc::geteuid() };
    let ours =
        |found: fs::Metadata| !found.is_symlink() && found.uid() == user && found.mode() & WRITABLE_BY_OTHERS == 0;
    fs::symlink_metadata(path).is_ok_and(ours)
}

fn keep(folder: &Path, path: &Path, artifact: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    if !is_ours(folder) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "others may write to the folder, or it is a link; give one of mode 0700 with --compiled-dir",
        ));
    }
    make_room(folder, artifact.len() as u64)?;
    // Whole or not at all, also if two nodes start at once.
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    // Left by a node of the same process number that died here.
    let _ = fs::remove_file(&fresh);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(FILE_MODE).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(&fresh)?;
    let written = file.write_all(&blake2_256(artifact)).and_then(|()| file.write_all(artifact));
    written.and_then(|()| fs::rename(&fresh, path)).inspect_err(|_| {
        // What is left of it would only take room.
        let _ = fs::remove_file(&fresh);
    })
}

/// Removes the oldest files until one more of this size fits.
fn make_room(folder: &Path, bytes: u64) -> io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == EXTENSION))
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut kept = (files.len(), files.iter().map(|(_, len, _)| len).sum::<u64>());
    for (_, len, path) in files {
        if kept.0 < FILES_MAX && kept.1.saturating_add(bytes) <= BYTES_MAX {
            break;
        }
        fs::remove_file(path)?;
        kept = (kept.0 - 1, kept.1 - len);
    }
    Ok(())
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

    fn compiled(engine: &Engine, folder: &Path, code: &[u8]) -> Module {
        module(engine, Some(folder), code, || Ok(Module::new(engine, code).unwrap())).unwrap()
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
        let get = |code: &[u8]| answer(&engine, &compiled(&engine, &folder, code));
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
    fn the_oldest_code_is_removed_for_more_and_a_folder_that_cannot_be_does_no_harm() {
        let (engine, parent) = (Engine::default(), tempfile::tempdir().unwrap());
        let folder = parent.path().join("compiled");
        // More than eight runtimes used to push each other out at each start.
        for number in 0..12 {
            compiled(&engine, &folder, &blob(number));
        }
        assert_eq!(files(&folder).len(), 12);
        let oldest = folder.join("oldest.cwasm");
        fs::File::create(&oldest).unwrap().set_len(BYTES_MAX).unwrap();
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        fs::File::options().write(true).open(&oldest).unwrap().set_modified(old).unwrap();
        compiled(&engine, &folder, &blob(100));
        assert_eq!((oldest.exists(), files(&folder).len()), (false, 13));
        let file = parent.path().join("a file");
        fs::write(&file, "no folder").unwrap();
        assert_eq!(answer(&engine, &compiled(&engine, &file.join("compiled"), &blob(5))), 5);
    }

    /// A folder that others could write to was written to, through the links that they had put there.
    #[test]
    fn nothing_is_written_where_others_may_write_or_through_a_link() {
        let (engine, parent) = (Engine::default(), tempfile::tempdir().unwrap());
        let victim = parent.path().join("victim");
        fs::write(&victim, "of somebody").unwrap();
        let open = parent.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let linked = parent.path().join("linked");
        std::os::unix::fs::symlink(parent.path(), &linked).unwrap();
        for folder in [&open, &linked] {
            let before = files(folder);
            assert_eq!(answer(&engine, &compiled(&engine, folder, &blob(3))), 3);
            assert_eq!(files(folder), before);
        }
        // A link where the new file would be is replaced and not followed.
        let folder = parent.path().join("ours");
        DirBuilder::new().mode(FOLDER_MODE).create(&folder).unwrap();
        let name = hex::encode(blake2_256(&blob(4)));
        let links = [format!("{name}.{}.new", std::process::id()), format!("{name}.{EXTENSION}")];
        links.iter().for_each(|link| std::os::unix::fs::symlink(&victim, folder.join(link)).unwrap());
        assert_eq!(answer(&engine, &compiled(&engine, &folder, &blob(4))), 4);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "of somebody");
        assert!(load(&engine, &folder, &folder.join(&links[1])).is_some());
    }
}
