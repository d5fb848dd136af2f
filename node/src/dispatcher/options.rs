//! The options of a call, checked.

use crate::tenants::Tenant;
use realm_metadata::MetadataHash;
use realm_rpc::{CallOptions, ErrorCode, RpcError};
use serde_json::Value;
use std::time::Duration;

/// The options of a call as the client gave them, each in range.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct RequestOptions {
    /// The client's own id of the request.
    pub id: Option<String>,
    /// The tenant it names.
    pub tenant_id: Option<String>,
    /// The metadata it encoded by.
    pub runtime: Option<MetadataHash>,
    /// Whether it outlives its connection.
    pub resumable: bool,
    /// How long it is kept while nobody follows.
    pub keep: Option<Duration>,
    deadline_ms: Option<u64>,
}

impl RequestOptions {
    /// Reads options from JSON; none is all defaults.
    ///
    /// # Errors
    /// `INVALID_PARAMS` naming the option.
    pub fn read(json: Option<Value>) -> Result<Self, RpcError> {
        let json = json.unwrap_or(Value::Null);
        if json.is_null() {
            return Ok(Self::default());
        }
        let field = field_at_fault(&json);
        let options: CallOptions = serde_json::from_value(json).map_err(|error| invalid(&field, &error.to_string()))?;
        if options.id.as_ref().is_some_and(|id| id.len() > CallOptions::ID_BYTES_MAX) {
            return Err(invalid("options.id", &format!("at most {} bytes", CallOptions::ID_BYTES_MAX)));
        }
        let runtime = options.runtime.as_deref().map(|text| {
            metadata_hash(text).ok_or_else(|| invalid("options.runtime", "expected `0x` and 64 hex digits"))
        });
        if options.keep_ms.is_some() && !options.resumable {
            return Err(invalid("options.keep_ms", "only a call with `\"resumable\": true` is kept"));
        }
        Ok(Self {
            resumable: options.resumable,
            keep: options.keep_ms.map(Duration::from_millis),
            id: options.id,
            tenant_id: options.tenant_id,
            runtime: runtime.transpose()?,
            deadline_ms: options.deadline_ms,
        })
    }

    /// The time that the call may take, queueing included.
    ///
    /// # Errors
    /// `INVALID_PARAMS` if it is nothing or more than the tenant's limit.
    pub fn time_max(&self, tenant: &Tenant) -> Result<Duration, RpcError> {
        let limit_ms = tenant.limits.deadline_ms_max;
        match self.deadline_ms {
            None => Ok(tenant.deadline_max()),
            Some(ms) if ms == 0 || ms > limit_ms => {
                Err(invalid("options.deadline_ms", &format!("must be from 1 to {limit_ms}, got {ms}")))
            }
            Some(ms) => Ok(Duration::from_millis(ms)),
        }
    }
}

/// The option that does not fit, found by trying each alone.
fn field_at_fault(json: &Value) -> String {
    let Some(fields) = json.as_object() else { return "options".to_owned() };
    let alone = |name: &str, value: &Value| {
        let one = serde_json::Map::from_iter([(name.to_owned(), value.clone())]);
        serde_json::from_value::<CallOptions>(Value::Object(one)).is_ok()
    };
    match fields.iter().find(|(name, value)| !alone(name, value)) {
        Some((name, _)) => format!("options.{}", name.chars().take(CallOptions::ID_BYTES_MAX).collect::<String>()),
        None => "options".to_owned(),
    }
}

fn metadata_hash(text: &str) -> Option<MetadataHash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut hash).ok()?;
    Some(MetadataHash(hash))
}

fn invalid(field: &str, message: &str) -> RpcError {
    RpcError::new(ErrorCode::InvalidParams, format!("{field}: {message}")).with("field", field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(json: Value, field: &str) {
        let error = RequestOptions::read(Some(json)).unwrap_err();
        assert_eq!((error.code(), error.data().get("field")), ("INVALID_PARAMS", Some(&json!(field))), "{error}");
    }

    #[test]
    fn wrong_options_are_named() {
        refused(json!(5), "options");
        refused(json!({"id": 5}), "options.id");
        refused(json!({"id": "x".repeat(129)}), "options.id");
        refused(json!({"id": "a", "tenant": "b"}), "options.tenant");
        refused(json!({"deadline_ms": -1}), "options.deadline_ms");
        refused(json!({"runtime": "0x00"}), "options.runtime");
        refused(json!({"resumable": 1}), "options.resumable");
        refused(json!({"keep_ms": 5}), "options.keep_ms");
    }

    #[test]
    fn absent_options_are_defaults() {
        assert_eq!(RequestOptions::read(None), Ok(RequestOptions::default()));
        assert_eq!(RequestOptions::read(Some(json!({}))), Ok(RequestOptions::default()));
        let hash = format!("0x{}", "ab".repeat(32));
        let options = RequestOptions::read(Some(json!({"runtime": hash}))).unwrap();
        assert_eq!(options.runtime, Some(MetadataHash([0xab; 32])));
    }
}
