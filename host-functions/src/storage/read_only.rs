//! A file that can be read and not written, as a backend for redb: what redb must write to open it (a
//! database that failed says so in its header) stays in memory. Nobody commits to it.

use redb::StorageBackend;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Error, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Bytes of what is kept in memory together.
const BLOCK_BYTES: usize = 4096;

/// A file and what was written over it.
#[derive(Debug)]
pub(super) struct ReadOnlyFile {
    file: File,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    len: u64,
    /// Bytes of the file that still count; what was cut off comes back as zeros.
    file_len: u64,
    /// By number; each as if the file went on with zeros.
    blocks: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
}

impl ReadOnlyFile {
    /// Opens the file and locks it against those who write.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path)?;
        file.try_lock_shared()?;
        let len = file.metadata()?.len();
        Ok(Self { file, over: Mutex::new(Over { len, file_len: len, blocks: BTreeMap::new() }) })
    }

    /// Writes of whole blocks cannot panic halfway.
    fn over(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as it is in the file.
    fn block(&self, number: u64, over: &Over) -> Result<Box<[u8; BLOCK_BYTES]>, Error> {
        let mut block = Box::new([0; BLOCK_BYTES]);
        let begin = number * BLOCK_BYTES as u64;
        let bytes = over.file_len.saturating_sub(begin).min(BLOCK_BYTES as u64) as usize;
        self.file.read_exact_at(&mut block[..bytes], begin)?;
        Ok(block)
    }
}

/// The block of each part of a range, the first byte there, and the part.
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let first = (at % BLOCK_BYTES as u64) as usize;
        let bytes = (BLOCK_BYTES - first).min(len - done);
        done += bytes;
        (bytes > 0).then_some((at / BLOCK_BYTES as u64, first, done - bytes..done))
    })
}

impl StorageBackend for ReadOnlyFile {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.over().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let over = self.over();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > over.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for (number, first, part) in parts(offset, out.len()) {
            let out = &mut out[part];
            match over.blocks.get(&number) {
                Some(block) => out.copy_from_slice(&block[first..][..out.len()]),
                None => out.copy_from_slice(&self.block(number, &over)?[first..][..out.len()]),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut over = self.over();
        over.len = len;
        over.file_len = over.file_len.min(len);
        over.blocks.split_off(&len.div_ceil(BLOCK_BYTES as u64));
        let last = len % BLOCK_BYTES as u64;
        if last > 0
            && let Some(block) = over.blocks.get_mut(&(len / BLOCK_BYTES as u64))
        {
            block[last as usize..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        Ok(())
    }

    fn close(&self) -> Result<(), Error> {
        // Transactions that still read keep the file open, and may not keep a writer away.
        self.file.unlock()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut over = self.over();
        for (number, first, part) in parts(offset, data.len()) {
            if !over.blocks.contains_key(&number) {
                let block = self.block(number, &over)?;
                over.blocks.insert(number, block);
            }
            if let Some(block) = over.blocks.get_mut(&number) {
                block[first..][..part.len()].copy_from_slice(&data[part]);
            }
        }
        Ok(())
    }
}
