//! Who a connection is, how it proves that, and what it may do then.
//!
//! ```text
//!  Authorization: Bearer KEY ─┐
//!  realm-key.KEY (subprotocol)├─► Auth::prove ─► Keyring: prefix ─► hash, in constant time ─► Identity
//!  realm_authenticate         ┘        └► wrong: WrongKeys counts it, per address
//! ```
//!
//! - [`ApiKey`]: the text of a key, which nothing prints.
//! - [`Keyring`]: the keys there are, durable as hashes.
//! - [`WrongKeys`]: how many wrong ones an address may show.
//! - [`Identity`]: whom a connection may call as and what it may administer.

mod identity;
mod key;
mod keyring;
mod network;
mod prove;
mod secret;
mod wrong;

pub use identity::{Identity, forbidden_tenant, unauthenticated};
pub use key::{Key, Role, Roles, shown_once};
pub use keyring::{KeyError, KeyLimits, Keyring, NewKey};
pub use network::network_of;
pub use prove::{Auth, AuthConfig, Proof};
pub use secret::{ApiKey, SCHEME, prefix_of};
pub use wrong::{TooMany, WrongKeys, WrongKeysConfig};

pub use crate::millis::now_unix_ms;
