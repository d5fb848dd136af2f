//! How much room the disk has. Asked before a commit, because a database that fails in the middle of
//! one must be opened again, and a full disk is better met before.

use std::{ffi::CString, os::unix::ffi::OsStrExt, path::Path};

/// Bytes that an ordinary user can still write on the disk of `path`. `None` if the system does not say.
pub(super) fn free_bytes(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut disk = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` is a live string that ends with NUL, and `disk` a live, exclusively borrowed statvfs.
    let status = unsafe { libc::statvfs(path.as_ptr(), disk.as_mut_ptr()) };
    if status != 0 {
        return None;
    }
    // SAFETY: statvfs succeeded and filled it in; besides, all zeroes is a valid statvfs.
    let disk = unsafe { disk.assume_init() };
    Some(u64::from(disk.f_bavail).saturating_mul(u64::from(disk.f_frsize)))
}
