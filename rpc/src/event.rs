//! One notification of a subscription. A subscription carries any number of `stream` events, then
//! exactly one `result` or `error`:
//!
//! ```text
//! {"id":"req_1","seq":0,"type":"stream","data":{"token":" The","index":0,"logprob":null}}
//! {"id":"req_1","seq":1,"type":"result","data":{"text":" The","tokens_generated":1,..}}
//! ```

use crate::RpcError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One notification.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The client's own id of the request (`options.id`), if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Place in the stream, from 0 without gaps. Makes equal events different, which some clients
    /// would otherwise drop.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

impl Event {
    /// Whether no event follows this one.
    pub fn is_last(&self) -> bool {
        !matches!(self.body, EventBody::Stream { .. })
    }
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum EventBody {
    /// The function emitted an item.
    Stream {
        /// The item, by the function's declared item type.
        data: Value,
    },
    /// The function returned. The last event.
    Result {
        /// What it returned.
        data: Value,
    },
    /// The call failed. The last event.
    Error {
        /// Why.
        error: EventError,
    },
}

/// An error inside an event. Here the stable string is `code` itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct EventError {
    /// The stable string, as in `data.code` of a JSON-RPC error.
    pub code: String,
    /// The message for people.
    pub message: String,
    /// The figures.
    #[serde(default)]
    pub data: Map<String, Value>,
}

impl From<RpcError> for EventError {
    fn from(error: RpcError) -> Self {
        Self { code: error.code().to_owned(), message: error.message().to_owned(), data: error.data().clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;
    use serde_json::json;

    fn check(event: Event, expected: Value) {
        assert_eq!(serde_json::to_value(&event).unwrap(), expected);
        assert_eq!(serde_json::from_value::<Event>(expected).unwrap(), event);
    }

    #[test]
    fn events_on_the_wire() {
        check(
            Event { id: None, seq: 0, body: EventBody::Stream { data: json!({"token": " The"}) } },
            json!({"seq": 0, "type": "stream", "data": {"token": " The"}}),
        );
        check(
            Event { id: Some("req_1".into()), seq: 1, body: EventBody::Result { data: json!(7) } },
            json!({"id": "req_1", "seq": 1, "type": "result", "data": 7}),
        );
        let error = RpcError::new(ErrorCode::RateLimit, "slow down").with("retry_after_ms", 20);
        check(
            Event { id: None, seq: 2, body: EventBody::Error { error: error.into() } },
            json!({"seq": 2, "type": "error", "error": {
                "code": "RATE_LIMIT", "message": "slow down", "data": {"retry_after_ms": 20}}}),
        );
    }
}
