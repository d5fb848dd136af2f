//! The text of a key: `realm_`, a public prefix by which it is found, and 256 secret bits.
//!
//! ```text
//!  realm_ 1f0c93ab77e2 _ 64 hex digits
//!         └─ prefix      └─ secret
//! ```
//!
//! A fast hash is right for it: a slow one makes guessing passwords dear, of which there are few;
//! of these there are 2^256, drawn evenly, and a slow hash would only let strangers keep us busy.

use sp_crypto_hashing::sha2_256;
use std::fmt;

/// What every key begins with, so that people and scanners of repositories know one when they see it.
pub const SCHEME: &str = "realm_";
/// Random bytes of the prefix: enough that two keys hardly ever share one.
const PREFIX_BYTES: usize = 6;
/// Random bytes of the secret.
const SECRET_BYTES: usize = 32;
/// What is hashed before the text, so that the hash means nothing elsewhere.
const HASH_DOMAIN: &[u8] = b"realm-api-key:";

/// SHA-256 of a key: all that is kept of it.
pub type KeyHash = [u8; 32];

/// A key as its holder has it. Its `Debug` shows the prefix alone, and it has no `Display`.
#[derive(Clone)]
pub struct ApiKey(String);

impl ApiKey {
    /// Draws a key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut prefix = [0; PREFIX_BYTES];
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut prefix)?;
        getrandom::fill(&mut secret)?;
        Ok(Self(format!("{SCHEME}{}_{}", hex::encode(prefix), hex::encode(secret))))
    }

    /// The key that a text is, if it has a key's form.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, secret) = text.strip_prefix(SCHEME)?.split_once('_')?;
        let is_hex = |part: &str, bytes: usize| {
            part.len() == 2 * bytes && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(prefix, PREFIX_BYTES) && is_hex(secret, SECRET_BYTES)).then(|| Self(text.to_owned()))
    }

    /// The public part, by which the key is looked up, listed and revoked.
    pub fn prefix(&self) -> &str {
        // Both constructors give this form.
        self.0.get(SCHEME.len()..SCHEME.len() + 2 * PREFIX_BYTES).unwrap_or_default()
    }

    /// What is kept of it.
    pub fn hash(&self) -> KeyHash {
        sha2_256(&[HASH_DOMAIN, self.0.as_bytes()].concat())
    }

    /// The whole text, for its holder's eyes.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The prefix in what somebody gives as one: a key that has leaked may be given whole.
pub fn prefix_of(given: &str) -> String {
    match ApiKey::parse(given) {
        Some(key) => key.prefix().to_owned(),
        None => given.strip_prefix(SCHEME).unwrap_or(given).to_owned(),
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({SCHEME}{}_..)", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_drawn_and_no_two_are_alike() {
        let key = ApiKey::generate().unwrap();
        let again = ApiKey::parse(key.reveal()).unwrap();
        assert_eq!((again.prefix(), again.hash()), (key.prefix(), key.hash()));
        assert_ne!(key.hash(), ApiKey::generate().unwrap().hash());
        assert_eq!(key.reveal().len(), SCHEME.len() + 12 + 1 + 64);
    }

    #[test]
    fn what_has_not_the_form_is_no_key() {
        let key = ApiKey::generate().unwrap();
        let text = key.reveal();
        for wrong in
            ["", "realm_", "realm__", &text[1..], &text[..text.len() - 1], &text.to_uppercase(), &format!("{text}0")]
        {
            assert!(ApiKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let key = ApiKey::generate().unwrap();
        let shown = format!("{key:?} {:?}", Some(&key));
        assert!(shown.contains(key.prefix()));
        assert!(!shown.contains(&key.reveal()[SCHEME.len() + 13..]), "{shown}");
    }
}
