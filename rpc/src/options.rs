//! What may accompany a call, beside the function's own parameters.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Options of `realm_call` and `realm_subscribe`. The methods take them as raw JSON, so that a wrong
/// field is refused with our error and not with a generic one; a Rust client makes that JSON with
/// [`CallOptions::to_value`].
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallOptions {
    /// The client's own id of the request, echoed in every event. At most [`CallOptions::ID_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tenant to call as. Default: the connection's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Milliseconds the call may take from its arrival, queueing included. Default and most: the tenant's limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Hash of the metadata the caller encoded by, `0x` and 64 hex digits. If another is in force
    /// the call is refused with `RUNTIME_CHANGED` and not executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Whether the call of `realm_subscribe` outlives its connection for a while, and `realm_resume` takes it up
    /// again, by `id` or else by the id of its first subscription. Default no: a lost connection cancels it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resumable: bool,
    /// Milliseconds that a resumable call and its events are kept while nobody follows. Default and most: the node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<u64>,
}

impl CallOptions {
    /// Most bytes of `id`.
    pub const ID_BYTES_MAX: usize = 128;

    /// The options as the methods take them.
    pub fn to_value(&self) -> Value {
        // Strings and integers always serialize.
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}
