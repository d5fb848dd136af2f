//! `realm chain log`.

use super::{
    Failure,
    args::ChainLogArgs,
    block_on, client,
    output::{self, Form},
};
use realm_rpc::api::AdminClient;
use serde_json::Value;

/// Prints the upgrade log, newest block first, one line each.
///
/// # Errors
/// The node cannot be reached.
pub fn run(args: ChainLogArgs, form: Form) -> Result<(), Failure> {
    block_on(async {
        let node = client::connect(&args.node).await?;
        let log = node.chain_log(Some(args.limit), Some(args.heartbeats)).await?;
        match form {
            Form::Json => output::line(&log),
            Form::Human => log.as_array().into_iter().flatten().try_for_each(|block| output::line(line(block))),
        }
    })
}

/// `#3  upgrade    1 -> 2  acme_corp  0x1f0c..  code 0x93ab..`
fn line(block: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = |side: &str| match &block["change"][side]["spec_version"] {
        Value::Null => "chain".to_owned(),
        version => version.to_string(),
    };
    let head = format!("#{:<6} {:<9} {}", block["number"], text(&block["event"]), text(&block["hash"]));
    let code = text(&block["change"]["to"]["code_hash"]);
    match block["event"].as_str() {
        Some("genesis") => {
            format!("{head}  {}  version {}  code {code}", text(&block["change"]["chain"]), version("to"))
        }
        Some("upgrade" | "rollback") => {
            let whose =
                block["change"]["tenant_id"].as_str().map(|tenant| format!("  tenant {tenant}")).unwrap_or_default();
            format!("{head}{whose}  version {} -> {}  code {code}", version("from"), version("to"))
        }
        _ => head,
    }
}
