//! `realm_usage`.

use super::connection;
use crate::{
    auth::forbidden_tenant,
    connection::Connection,
    dispatcher::Dispatcher,
    metering::{Hour, MeteringError, Period, Query},
};
use jsonrpsee::{
    Extensions,
    core::{RpcResult, async_trait},
};
use realm_rpc::{ErrorCode, RpcError, api::UsageServer};
use serde_json::Value;
use std::sync::Arc;

pub struct Usage {
    pub dispatcher: Arc<Dispatcher>,
}

/// Whose usage is told: a key's own tenant's to whoever holds it, everybody's to those who administer the node.
fn visible(connection: &Connection, named: Option<String>) -> Result<Option<String>, RpcError> {
    let identity = connection.identity();
    match (identity.own_tenant(), named) {
        (Some(own), None) => Ok(Some(own.as_str().to_owned())),
        (Some(own), Some(named)) if own.as_str() == named => Ok(Some(named)),
        (Some(_), Some(_)) => Err(forbidden_tenant()),
        (None, named) => identity.check_admin(None).map(|()| named),
    }
}

fn query(
    tenant: Option<String>,
    from: Option<String>,
    to: Option<String>,
    period: Option<String>,
    now: Hour,
) -> Result<Query, RpcError> {
    let wrong = |field: &str, expected: &str| {
        RpcError::new(ErrorCode::InvalidParams, format!("{field}: expected {expected}")).with("field", field)
    };
    let moment = |field: &str, text: Option<String>, default: Hour| match text {
        None => Ok(default),
        Some(text) => {
            Hour::not_before(&text).ok_or_else(|| wrong(field, "a time as 2026-11-26 or 2026-11-26T12:00:00Z"))
        }
    };
    let period = match period {
        None => Period::Day,
        Some(name) => Period::named(&name).ok_or_else(|| wrong("period", "hour, day or month"))?,
    };
    let (from, to) = (moment("from", from, now.begin_of(Period::Month))?, moment("to", to, now.next())?);
    if from > to {
        return Err(wrong("to", "a time that is not before `from`"));
    }
    Ok(Query { tenant, from, to, period })
}

#[async_trait]
impl UsageServer for Usage {
    async fn usage(
        &self,
        extensions: &Extensions,
        tenant_id: Option<String>,
        from: Option<String>,
        to: Option<String>,
        period: Option<String>,
    ) -> RpcResult<Value> {
        let tenant_id = visible(connection(extensions)?, tenant_id)?;
        let query = query(tenant_id, from, to, period, self.dispatcher.metering.hour())?;
        let report = self.dispatcher.metering.report(query).await.map_err(|error| match error {
            MeteringError::TooManyRows { .. } => RpcError::new(ErrorCode::InvalidParams, error.to_string()),
            error => internal(&error),
        })?;
        Ok(report.to_json())
    }
}

fn internal(error: &dyn std::fmt::Display) -> RpcError {
    tracing::error!(%error, "usage cannot be read");
    RpcError::new(ErrorCode::Internal, "usage cannot be read; the node's log has the details")
}
