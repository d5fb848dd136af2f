//! `realm upgrade`, `realm rollback`.

use super::{
    Failure,
    args::{RollbackArgs, UpgradeArgs},
    block_on, client,
    output::{self, Form},
};
use realm_rpc::api::AdminClient;
use serde_json::Value;

/// Sends a blob to a node and prints what changed, or with `--dry-run` what would change.
///
/// # Errors
/// The file cannot be read, the node cannot be reached, or it refuses the blob.
pub fn run(args: UpgradeArgs, form: Form) -> Result<(), Failure> {
    let blob = std::fs::read(&args.file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", args.file.display())))?;
    let code = format!("0x{}", hex::encode(blob));
    block_on(async {
        let node = client::connect(&args.node).await?;
        let report = match args.dry_run {
            true => node.dry_run_upgrade(code, args.tenant).await?,
            false => node.upgrade_runtime(code, args.tenant).await?,
        };
        print(&report, form)
    })
}

/// Goes back to the runtime before the last upgrade and prints what changed.
///
/// # Errors
/// The node cannot be reached, or there is nothing to go back to.
pub fn roll_back(args: RollbackArgs, form: Form) -> Result<(), Failure> {
    block_on(async {
        let report = client::connect(&args.node).await?.rollback_runtime(args.tenant).await?;
        print(&report, form)
    })
}

fn print(report: &Value, form: Form) -> Result<(), Failure> {
    match form {
        Form::Json => output::line(report),
        Form::Human => human(report).into_iter().try_for_each(output::line),
    }
}

/// `version 1 -> 2, in force since block 1`, then what clients find changed, a line each.
fn human(report: &Value) -> Vec<String> {
    let version = |side: &str| match &report[side]["spec_version"] {
        Value::Null => "the chain's".to_owned(),
        version => version.to_string(),
    };
    let whose = report["scope"]["tenant_id"].as_str().map(|tenant| format!("tenant {tenant}: ")).unwrap_or_default();
    let since = match &report["block"]["number"] {
        Value::Null => "nothing was changed (dry run)".to_owned(),
        number => format!("in force since block {number}"),
    };
    let mut lines = vec![format!("{whose}version {} -> {}, {since}", version("from"), version("to"))];
    if let Some(code) = report["to"]["code_hash"].as_str() {
        lines.push(format!("code {code}"));
    }
    let before = lines.len();
    for kind in ["functions", "types"] {
        let (changes, what) = (&report["metadata_diff"][kind], kind.trim_end_matches('s'));
        let names = |list: &str| strings(&changes[list]);
        lines.extend(names("added").map(|name| format!("+ {what} {name}")));
        lines.extend(names("removed").map(|name| format!("- {what} {name}")));
        for change in changes["changed"].as_array().into_iter().flatten() {
            let text = |field: &str| change[field].as_str().unwrap_or_default();
            lines.push(format!("~ {what} {}", text("name")));
            lines.push(format!("    was {}", text("before")));
            lines.push(format!("    is  {}", text("after")));
        }
    }
    if lines.len() == before {
        lines.push("nothing that clients see changes".to_owned());
    }
    let migrated: Vec<&str> = (report["tenants"].as_array().into_iter().flatten())
        .filter(|tenant| tenant["state_changed"] == true)
        .filter_map(|tenant| tenant["tenant_id"].as_str())
        .collect();
    if !migrated.is_empty() {
        lines.push(format!("stored state migrated of: {}", migrated.join(", ")));
    }
    lines
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
