//! A block's header in Substrate's encoding, which stock clients decode, hash and compare.

use parity_scale_codec::{Compact, Decode, Encode, Input};
use realm_primitives::H256;
use std::fmt;

macro_rules! hash_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Encode, Decode)]
        pub struct $name(pub H256);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

hash_newtype! {
    /// blake2-256 of a header's SCALE encoding.
    BlockHash
}
hash_newtype! {
    /// blake2-256 of an uncompressed code blob.
    CodeHash
}

impl CodeHash {
    /// The hash of this blob, which must not be compressed.
    pub fn of(code: &[u8]) -> Self {
        Self(H256(sp_crypto_hashing::blake2_256(code)))
    }
}

/// Height of a block; genesis is 0. Substrate's width.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct BlockNumber(pub u32);

impl BlockNumber {
    /// The one after this. A chain that beats every 6 s reaches the end after 800 years.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The one before this; none before genesis.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// Compact, as headers have it.
impl Encode for BlockNumber {
    fn encode_to<T: parity_scale_codec::Output + ?Sized>(&self, dest: &mut T) {
        Compact(self.0).encode_to(dest);
    }
}

impl Decode for BlockNumber {
    fn decode<I: Input>(input: &mut I) -> Result<Self, parity_scale_codec::Error> {
        Compact::<u32>::decode(input).map(|number| Self(number.0))
    }
}

/// An entry of a header's digest. Realm's blocks need only one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
pub enum DigestItem {
    /// A runtime changed in this block: clients fetch version and metadata anew.
    #[codec(index = 8)]
    RuntimeEnvironmentUpdated,
}

/// A block's header.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
pub struct Header {
    /// Hash of the block before; zero for genesis.
    pub parent_hash: BlockHash,
    /// Height.
    pub number: BlockNumber,
    /// blake2-256 of the SCALE encoding of what is in force from this block on ([`super::InForce`]).
    pub state_root: H256,
    /// blake2-256 of the SCALE encoding of what happened ([`super::Record`]).
    pub extrinsics_root: H256,
    /// One entry if a runtime changed, else none.
    pub digest: Vec<DigestItem>,
}

impl Header {
    /// The block's hash.
    pub fn hash(&self) -> BlockHash {
        BlockHash(H256(sp_crypto_hashing::blake2_256(&self.encode())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parity_scale_codec::DecodeAll;

    // Byte for byte what sp_runtime::generic::Header<u32, BlakeTwo256> gives.
    #[test]
    fn encodes_as_substrate_does() {
        let header = Header {
            parent_hash: BlockHash(H256([1; 32])),
            number: BlockNumber(100),
            state_root: H256([2; 32]),
            extrinsics_root: H256([3; 32]),
            digest: vec![DigestItem::RuntimeEnvironmentUpdated],
        };
        let expected = [&[1; 32][..], &[0x91, 0x01], &[2; 32], &[3; 32], &[0x04, 0x08]].concat();
        assert_eq!(header.encode(), expected);
        assert_eq!(header.hash().0.0, sp_crypto_hashing::blake2_256(&expected));
        assert_eq!(Header::decode_all(&mut &expected[..]).unwrap(), header);
    }
}
