//! `realm usage`.

use super::{
    Failure,
    args::UsageArgs,
    block_on, client,
    output::{self, Form},
};
use realm_rpc::api::UsageClient;
use serde_json::Value;

/// The columns of `--csv`, in order; as the answer names them.
const CSV: [&str; 13] = [
    "begin",
    "tenant_id",
    "calls",
    "failed",
    "cancelled",
    "interrupted",
    "prompt_tokens",
    "cached_tokens",
    "generated_tokens",
    "cpu_ms",
    "wall_ms",
    "cost_nano_usd",
    "cost_usd",
];
/// The columns of the table for people, with their widths and heads; a minus is for the left side.
const TABLE: [(&str, &str, i32); 8] = [
    ("begin", "FROM (UTC)", -20),
    ("tenant_id", "TENANT", -16),
    ("calls", "CALLS", 8),
    ("prompt_tokens", "PROMPT", 12),
    ("cached_tokens", "CACHED", 12),
    ("generated_tokens", "GENERATED", 12),
    ("cpu_ms", "CPU MS", 10),
    ("cost_usd", "USD", 14),
];

/// Prints what tenants used.
///
/// # Errors
/// The node cannot be reached, or does not tell it.
pub fn run(args: UsageArgs, form: Form) -> Result<(), Failure> {
    if args.csv && form == Form::Json {
        return Err(Failure::Usage("give --csv or --json, not both".to_owned()));
    }
    block_on(async {
        let node = client::connect(&args.node).await?;
        let period = Some(args.period.name().to_owned());
        let usage = node.usage(args.tenant, args.from, args.to, period).await?;
        let rows = || usage["rows"].as_array().into_iter().flatten();
        if form == Form::Json {
            return output::line(&usage);
        }
        if args.csv {
            output::line(CSV.join(","))?;
            return rows().try_for_each(|row| output::line(CSV.map(|name| cell(row, name)).join(",")));
        }
        output::line(line(|_, head| head.to_owned()))?;
        rows().try_for_each(|row| output::line(line(|name, _| cell(row, name))))?;
        let totals = usage["totals"].as_array().into_iter().flatten();
        totals.clone().try_for_each(|total| {
            output::line(line(|name, _| if name == "begin" { "total".to_owned() } else { cell(total, name) }))
        })?;
        if totals.count() > 1 {
            output::line(line(|name, _| match name {
                "begin" => "total".to_owned(),
                "tenant_id" => "all".to_owned(),
                _ => cell(&usage["total"], name),
            }))?;
        }
        Ok(())
    })
}

/// A figure as it stands; money with all its digits, which a float would not show.
fn cell(row: &Value, name: &str) -> String {
    match &row[name] {
        _ if name == "cost_usd" => {
            let nano_usd = row["cost_nano_usd"].as_u64().unwrap_or(0);
            format!("{}.{:09}", nano_usd / 1_000_000_000, nano_usd % 1_000_000_000)
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn line(cell: impl Fn(&str, &str) -> String) -> String {
    let cells = TABLE.map(|(name, head, width)| {
        let (text, columns) = (cell(name, head), width.unsigned_abs() as usize);
        if width < 0 { format!("{text:<columns$}") } else { format!("{text:>columns$}") }
    });
    cells.join(" ").trim_end().to_owned()
}
