//! Why native memory is refused.

use std::fmt;

/// A level of the tree of budgets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BudgetScope {
    /// All tenants of the node.
    Node,
    /// All calls, connections and kept streams of one tenant.
    Tenant,
    /// One call.
    Call,
    /// The resumable streams that are kept for one tenant.
    KeptStreams,
}

/// A level of the budget has no room for the bytes that were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotaExceeded {
    /// What would have taken the bytes, for example "tensors".
    pub what: &'static str,
    /// Bytes that the level would have held.
    pub asked: u64,
    /// Bytes that the level may hold.
    pub limit: u64,
    /// The level that is full.
    pub scope: BudgetScope,
}

impl std::error::Error for QuotaExceeded {}

/// A node that is full is not the caller's fault: its text begins with the place 0, because the first number in the
/// text of an overload is the place in a queue (see `realm_primitives::abi::HostErrorCode::Overloaded`).
impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, asked, limit, scope } = self;
        match scope {
            BudgetScope::Call => write!(
                f,
                "{what}: the call would hold {asked} bytes of native memory, more than the limit of {limit}; drop what is \
                 no longer needed"
            ),
            BudgetScope::Tenant => write!(
                f,
                "{what}: the tenant would hold {asked} bytes of native memory, more than its native_bytes_max of {limit}; \
                 try again when other calls have ended"
            ),
            BudgetScope::KeptStreams => write!(
                f,
                "{what}: the tenant's resumable streams would hold {asked} bytes, more than the limit of {limit}; read or \
                 end the streams that run"
            ),
            BudgetScope::Node => write!(
                f,
                "place 0 was refused: {what}: the node would hold {asked} bytes of native memory, more than its \
                 --native-bytes of {limit}; try again later"
            ),
        }
    }
}
