//! Whose work it is.

/// A tenant, as the host names it: 32 bytes that the engine only compares. Cache entries, budgets and shares are kept
/// by this key, so it must come from the sandbox's identity and never from a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantKey([u8; 32]);

impl TenantKey {
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The bytes of the key.
    pub const fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl std::fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "TenantKey({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}
