//! Asks the system to bring a part of a memory-mapped file in before it is read: the "paging" of
//! `memory64_load_layer`. A hint; nothing depends on it.

/// Asks for the pages of `bytes`.
pub(super) fn will_need(bytes: &[u8]) {
    // SAFETY: takes no pointers.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page_bytes) = usize::try_from(page_bytes) else { return };
    if page_bytes == 0 || bytes.is_empty() {
        return;
    }
    let begin = bytes.as_ptr() as usize / page_bytes * page_bytes;
    let len = bytes.as_ptr() as usize + bytes.len() - begin;
    // SAFETY: the range is that of a live slice, widened to the page it begins in, which is mapped
    // because the slice is; the advice changes no content and no mapping.
    unsafe { libc::madvise(begin as *mut libc::c_void, len, libc::MADV_WILLNEED) };
}
