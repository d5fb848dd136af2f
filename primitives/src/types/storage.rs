//! Where a stored value lives.

/// How long a stored value lives. Every scope is the tenant's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum StorageScope {
    /// On disk, until cleared. Written when the call ends well, dropped when it traps.
    Durable = 0,
    /// In memory, until the connection that made the call closes.
    Connection = 1,
}

impl StorageScope {
    /// The scope an import's argument names.
    pub fn from_u32(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Durable),
            1 => Some(Self::Connection),
            _ => None,
        }
    }
}
