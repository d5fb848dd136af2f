//! The database's file: created completely or not at all, readable by the node's user alone, and watched for
//! being deleted or replaced.
//!
//! ```text
//!  no file ──► FILE.new, locked ──► redb initialises it ──► renamed to FILE, still locked
//!  a file  ──► not empty ──► mode 0600 ──► redb opens it
//!  each batch of commits: FILE still names the file that was opened?
//! ```
//!
//! An empty file is refused. A node never leaves one behind, so it was truncated, and starting on it would
//! silently begin a database without the tenants' data.

use redb::{Database, DatabaseError, StorageError};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions, Permissions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Only the node's user reads the database.
const MODE: u32 = 0o600;
/// Permission bits of all other users.
const OTHERS: u32 = 0o077;
/// Suffix of the file while it is initialised.
const NEW_SUFFIX: &str = ".new";

/// Which file a path named when the database was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// Checks that the path still names this file.
    ///
    /// # Errors
    /// What happened to the file, and what to do.
    pub(super) fn check(&self, path: &Path) -> Result<(), String> {
        let what = match std::fs::metadata(path) {
            Ok(metadata) if Self::of(&metadata) == *self => return Ok(()),
            Ok(_) => "was replaced by another file",
            Err(error) if error.kind() == ErrorKind::NotFound => "was deleted",
            Err(error) => return Err(format!("{} cannot be examined: {error}", path.display())),
        };
        Err(format!(
            "{} {what} while the node runs; put the original file back, or stop the node and restore a backup",
            path.display()
        ))
    }
}

/// Opens an existing file, and removes other users' permissions. `None` if there is no file.
///
/// # Errors
/// The file cannot be opened, or is empty.
pub(super) fn existing(path: &Path) -> Result<Option<(File, FileIdentity)>, DatabaseError> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(error)),
    };
    let metadata = file.metadata().map_err(io_error)?;
    if metadata.len() == 0 {
        return Err(io_error(io::Error::new(
            ErrorKind::InvalidData,
            "the file is empty, and no node leaves an empty file: restore a backup, or delete the file to begin anew",
        )));
    }
    if metadata.mode() & OTHERS != 0 {
        match file.set_permissions(Permissions::from_mode(MODE)) {
            Ok(()) => {
                tracing::warn!(file = %path.display(), "other users could open the database; its mode is now 0600")
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "other users can open the database; set its mode to 0600");
            }
        }
    }
    Ok(Some((file, FileIdentity::of(&metadata))))
}

/// Creates the file: `initialise` runs on a file beside it, which takes the path's name once it is a database.
///
/// # Errors
/// The file cannot be created, or another node creates it at this moment.
pub(super) fn create(
    path: &Path,
    initialise: impl FnOnce(File) -> Result<Database, DatabaseError>,
) -> Result<(Database, FileIdentity), DatabaseError> {
    let fresh = beside(path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&fresh)
        .map_err(io_error)?;
    // Held by redb too, through the same descriptor, until the database is closed.
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DatabaseError::DatabaseAlreadyOpen),
        Err(TryLockError::Error(error)) => return Err(io_error(error)),
    }
    let identity = FileIdentity::of(&file.metadata().map_err(io_error)?);
    // Another node may have finished between the opening and the lock; then this is its database.
    if identity.check(&fresh).is_err() || path.exists() {
        return Err(DatabaseError::DatabaseAlreadyOpen);
    }
    // What a node left that was killed while it initialised the file.
    file.set_len(0).map_err(io_error)?;
    file.set_permissions(Permissions::from_mode(MODE)).map_err(io_error)?;
    let database = initialise(file)?;
    std::fs::rename(&fresh, path).map_err(io_error)?;
    sync_folder(path).map_err(io_error)?;
    Ok((database, identity))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(NEW_SUFFIX);
    path.with_file_name(name)
}

/// Makes the file's name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

pub(super) fn io_error(error: io::Error) -> DatabaseError {
    DatabaseError::Storage(StorageError::from(error))
}

#[cfg(test)]
mod tests {
    use crate::storage::{Changes, CommitError, Store, StoreConfig, StoreError};
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
    };

    fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open(path, StoreConfig { disk_free_bytes_min: 0, ..StoreConfig::default() })
    }

    async fn put(store: &Store, key: &[u8]) -> Result<(), CommitError> {
        let mut changes = Changes::new();
        store.namespace("tenant").write(&mut changes, key, Some(b"v".to_vec()));
        store.commit(changes).await
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect()
    }

    /// `realm.redb` was 0644 in a folder of 0755, so that every user of the machine read all tenants' conversations.
    #[tokio::test]
    async fn other_users_cannot_open_a_new_or_an_old_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("realm.redb");
        drop(open(&path).unwrap());
        assert_eq!((mode(&path), names(folder.path())), (0o600, vec!["realm.redb".into()]));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        drop(open(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
    }

    /// A database that was deleted or replaced under a node was not noticed: calls were acknowledged, and a
    /// restart had none of their writes.
    #[tokio::test]
    async fn a_deleted_or_replaced_file_takes_no_writes_until_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, away) = (folder.path().join("realm.redb"), folder.path().join("away"));
        let store = open(&path).unwrap();
        put(&store, b"before").await.unwrap();
        assert!(store.writable().is_ok());
        fs::rename(&path, &away).unwrap();
        let refused = put(&store, b"deleted").await.unwrap_err().to_string();
        assert!(refused.contains("was deleted"), "{refused}");
        fs::copy(&away, &path).unwrap();
        let refused = put(&store, b"replaced").await.unwrap_err().to_string();
        assert!(refused.contains("was replaced"), "{refused}");
        assert!(store.writable().is_err());
        assert_eq!(store.namespace("tenant").get(b"before").unwrap(), Some(b"v".to_vec()), "reads go on");
        fs::rename(&away, &path).unwrap();
        put(&store, b"after").await.unwrap();
        assert!(store.writable().is_ok());
    }

    /// A file of 0 bytes was silently begun anew, where `realm db check` calls it an error.
    #[test]
    fn an_empty_or_a_foreign_file_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("realm.redb");
        for content in ["", "These are not the pages of a database, and nobody may write over them."] {
            fs::write(&path, content).unwrap();
            let refused = open(&path).expect_err("it is refused").to_string();
            assert!(refused.contains(if content.is_empty() { "is empty" } else { "magic" }), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn what_a_killed_node_left_of_a_new_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("realm.redb");
        fs::write(folder.path().join("realm.redb.new"), [0; 5000]).unwrap();
        let store = open(&path).unwrap();
        assert!(open(&path).is_err_and(|error| error.is_in_use()));
        drop(store);
        drop(open(&path).unwrap());
    }
}
