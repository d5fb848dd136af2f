//! Two hashes of the same bytes in one pass: the bytes of a large model come from a disk.

use sha2::{Digest, Sha256};

/// Bytes that one hash reads before the other does, while they are in the processor's cache.
const CHUNK_BYTES: usize = 256 << 10;

/// What identifies a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// BLAKE2b-256.
    pub blake2: [u8; 32],
    /// SHA-256, as hubs announce it; only if it was asked for.
    pub sha256: Option<[u8; 32]>,
}

impl Hashes {
    /// Those of some bytes.
    pub fn of(bytes: &[u8], sha256: bool) -> Self {
        let mut blake2 = blake2b_simd::Params::new().hash_length(32).to_state();
        let mut sha = sha256.then(Sha256::new);
        for chunk in bytes.chunks(CHUNK_BYTES) {
            blake2.update(chunk);
            sha.iter_mut().for_each(|sha| sha.update(chunk));
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(blake2.finalize().as_bytes());
        Self { blake2: hash, sha256: sha.map(|sha| sha.finalize().into()) }
    }

    /// Those of several files' hashes, one behind the other.
    pub fn of_several(files: &[Self], sha256: bool) -> Self {
        let blake2: Vec<[u8; 32]> = files.iter().map(|file| file.blake2).collect();
        let sha: Vec<[u8; 32]> = files.iter().filter_map(|file| file.sha256).collect();
        Self {
            blake2: Self::of(blake2.as_flattened(), false).blake2,
            sha256: sha256.then(|| Sha256::digest(sha.as_flattened()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_hashes_of_the_whole() {
        for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
            let hashes = Hashes::of(&bytes, true);
            assert_eq!(hashes.blake2, sp_crypto_hashing::blake2_256(&bytes));
            assert_eq!(hashes.sha256, Some(Sha256::digest(&bytes).into()));
            assert_eq!(Hashes::of(&bytes, false), Hashes { sha256: None, ..hashes });
        }
        let parts = [Hashes::of(b"a", true), Hashes::of(b"b", true)];
        let whole = Hashes::of_several(&parts, true);
        assert_eq!(whole.blake2, sp_crypto_hashing::blake2_256(&[parts[0].blake2, parts[1].blake2].concat()));
        let shas = parts.map(|part| part.sha256.unwrap()).concat();
        assert_eq!(whole.sha256, Some(Sha256::digest(shas).into()));
    }
}
