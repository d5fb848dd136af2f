//! What is told of the books: rows per tenant and period, and their totals.

use super::{
    Metering,
    error::MeteringError,
    period::{Hour, Period},
    usage::Usage,
};
use serde_json::{Map, Value, json};

/// Nano-dollars of a dollar.
const NANO: f64 = 1e9;
/// Nanoseconds of a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Whose usage; nobody named means everybody's.
    pub tenant: Option<String>,
    /// The first hour.
    pub from: Hour,
    /// The hour after the last.
    pub to: Hour,
    /// What is summed up.
    pub period: Period,
}

/// What one tenant used in one period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Whose.
    pub tenant: String,
    /// When the period began.
    pub begin: Hour,
    /// What.
    pub usage: Usage,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    query: Query,
    /// By tenant, then by time.
    pub rows: Vec<Row>,
}

impl Metering {
    /// What was used, also by the calls that ended just now.
    ///
    /// # Errors
    /// [`MeteringError`]
    pub async fn report(&self, query: Query) -> Result<Report, MeteringError> {
        // Where the disk is full, what is in the books can still be told.
        let _ = self.0.write_pending().await;
        let metering = self.clone();
        // The database may take a while.
        let read = tokio::task::spawn_blocking(move || metering.read(query)).await;
        read.unwrap_or_else(|_| Err(MeteringError::Corrupt("the usage")))
    }

    fn read(&self, query: Query) -> Result<Report, MeteringError> {
        let ledger = &self.0.ledger;
        let tenants = match &query.tenant {
            Some(tenant) => vec![tenant.clone()],
            None => ledger.tenants()?,
        };
        let rows_max = self.0.config.rows_max;
        let mut rows = Vec::new();
        for tenant in tenants {
            let read = ledger.read(&tenant, query.from, query.to, query.period)?;
            rows.extend(read.into_iter().map(|(begin, usage)| Row { tenant: tenant.clone(), begin, usage }));
            if rows.len() > rows_max {
                return Err(MeteringError::TooManyRows { rows_max });
            }
        }
        Ok(Report { query, rows })
    }
}

impl Report {
    /// `{from, to, period, rows: [{tenant_id, period, ..figures}], totals: [{tenant_id, ..figures}], total: {..figures}}`.
    pub fn to_json(&self) -> Value {
        let mut totals: Vec<(&str, Usage)> = Vec::new();
        let mut total = Usage::default();
        for row in &self.rows {
            total.add(&row.usage);
            match totals.last_mut() {
                Some((tenant, sum)) if *tenant == row.tenant => sum.add(&row.usage),
                _ => totals.push((&row.tenant, row.usage)),
            }
        }
        let named = |usage: &Usage, names: &[(&str, String)]| {
            let mut fields = figures(usage);
            names.iter().for_each(|(name, value)| drop(fields.insert((*name).to_owned(), json!(value))));
            Value::Object(fields)
        };
        let rows = self.rows.iter();
        json!({
            "from": self.query.from.to_string(),
            "to": self.query.to.to_string(),
            "period": self.query.period.name(),
            "rows": rows.map(|row| named(&row.usage, &[("tenant_id", row.tenant.clone()), ("begin", row.begin.to_string())])).collect::<Vec<_>>(),
            "totals": totals.iter().map(|(tenant, usage)| named(usage, &[("tenant_id", (*tenant).to_owned())])).collect::<Vec<_>>(),
            "total": figures(&total),
        })
    }
}

/// The figures as the wire tells them. `cost_nano_usd` is exact; `cost_usd` is the same in dollars, for people.
fn figures(usage: &Usage) -> Map<String, Value> {
    let figures = json!({
        "calls": usage.calls,
        "failed": usage.failed,
        "cancelled": usage.cancelled,
        "interrupted": usage.interrupted,
        "prompt_tokens": usage.prompt_tokens(),
        "cached_tokens": usage.cached_tokens,
        "generated_tokens": usage.generated_tokens,
        "computed_tokens": usage.computed_tokens,
        "cpu_ms": usage.cpu_ns / NS_PER_MS,
        "wall_ms": usage.wall_ns / NS_PER_MS,
        "cost_nano_usd": usage.nano_usd,
        "cost_usd": usage.nano_usd as f64 / NANO,
    });
    match figures {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
