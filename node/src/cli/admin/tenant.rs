//! `realm tenant add|list|set|disable|enable|remove`.

use crate::cli::{
    Failure,
    args::NodeArgs,
    block_on, client,
    output::{self, Form},
};
use clap::Subcommand;
use realm_rpc::api::{AdminClient, TenantsClient};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

#[derive(Subcommand, Debug)]
pub enum TenantCommand {
    /// Add a tenant. Its keys are made with `realm key generate --tenant`.
    Add(AddArgs),
    /// Print which tenants there are.
    List(NodeArgs),
    /// Change what a tenant is given; calls that run go on as they began.
    Set(SetArgs),
    /// Refuse a tenant's new calls, and end none.
    Disable(NamedArgs),
    /// Take a disabled tenant's calls again.
    Enable(NamedArgs),
    /// End a tenant: its keys are revoked, its running calls cancelled.
    Remove(RemoveArgs),
}

#[derive(clap::Args, Debug)]
pub struct AddArgs {
    /// Its name.
    pub tenant: String,
    /// What it is given, where that is not the default, in the words of a chain specification: for example
    /// `model=default limits.concurrent_calls_max=4 prices.prompt_nano_usd_per_1k=500000`.
    #[arg(value_name = "FIELD=VALUE")]
    pub given: Vec<String>,
    /// A blob, for a runtime of its own.
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct SetArgs {
    /// Its name.
    pub tenant: String,
    /// What changes, for example `weight=2 limits.max_tokens=1024`; `null` puts a default back.
    #[arg(value_name = "FIELD=VALUE", required = true)]
    pub given: Vec<String>,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct NamedArgs {
    /// Its name.
    pub tenant: String,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct RemoveArgs {
    /// Its name.
    pub tenant: String,
    /// Delete what it stored, too: conversations and all else. Cannot be undone.
    #[arg(long)]
    pub purge: bool,
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// The node cannot be reached or refuses.
pub fn run(command: TenantCommand, form: Form) -> Result<(), Failure> {
    let told = block_on(async {
        Ok(match command {
            TenantCommand::Add(args) => add(args).await?,
            TenantCommand::List(node) => Value::Array(client::connect(&node).await?.tenant_list().await?),
            TenantCommand::Set(args) => {
                let changes = Value::Object(fields(&args.given)?);
                client::connect(&args.node).await?.tenant_update(args.tenant, changes).await?
            }
            TenantCommand::Disable(args) => client::connect(&args.node).await?.tenant_disable(args.tenant).await?,
            TenantCommand::Enable(args) => client::connect(&args.node).await?.tenant_enable(args.tenant).await?,
            TenantCommand::Remove(args) => {
                client::connect(&args.node).await?.tenant_remove(args.tenant, Some(args.purge)).await?
            }
        })
    })?;
    match (form, &told) {
        (Form::Json, _) => output::line(&told),
        (Form::Human, Value::Array(all)) => all.iter().try_for_each(|tenant| output::line(human(tenant))),
        // Removed before; only what it stored was left.
        (Form::Human, Value::Null) => output::line("deleted"),
        (Form::Human, _) => output::line(human(&told)),
    }
}

async fn add(args: AddArgs) -> Result<Value, Failure> {
    let mut tenant = fields(&args.given)?;
    tenant.insert("id".to_owned(), json!(args.tenant));
    let blob = args.runtime.map(|path| {
        std::fs::read(&path).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))
    });
    let blob = blob.transpose()?;
    let node = client::connect(&args.node).await?;
    let mut told = node.tenant_add(Value::Object(tenant)).await?;
    if let Some(blob) = blob {
        node.upgrade_runtime(format!("0x{}", hex::encode(blob)), Some(args.tenant)).await?;
        if let Some(told) = told.as_object_mut() {
            told.insert("own_runtime".to_owned(), json!(true));
        }
    }
    Ok(told)
}

/// `{"limits": {"max_tokens": 5}}` of `limits.max_tokens=5`.
fn fields(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    for pair in given {
        let usage = || Failure::Usage(format!("{pair}: expected FIELD=VALUE, for example limits.max_tokens=1024"));
        let (path, text) = pair.split_once('=').ok_or_else(usage)?;
        // A name needs no quotes.
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        match path.split_once('.') {
            None => drop(fields.insert(path.to_owned(), value)),
            Some((outer, inner)) => {
                let object = fields.entry(outer).or_insert_with(|| json!({}));
                object.as_object_mut().ok_or_else(usage)?.insert(inner.to_owned(), value);
            }
        }
    }
    Ok(fields)
}

/// `acme_corp  model default  weight 2  own runtime  disabled  3 calls`
fn human(told: &Value) -> String {
    let tenant = &told["tenant"];
    let text = |field: &str| tenant[field].as_str().unwrap_or_default();
    let mut line = format!("{}  model {}  weight {}", text("id"), text("model"), tenant["weight"]);
    let words = [("own_runtime", "  own runtime"), ("disabled", "  disabled")];
    line.extend(words.iter().filter(|(field, _)| told[field] == true).map(|(_, word)| *word));
    match told["calls"].as_u64() {
        None | Some(0) => {}
        Some(1) => line.push_str("  1 call"),
        Some(calls) => line.push_str(&format!("  {calls} calls")),
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_a_specification_has() {
        let given = ["model=other", "weight=2", "limits.max_tokens=5", "limits.queue_len_max=null"].map(str::to_owned);
        let expected = json!({"model": "other", "weight": 2, "limits": {"max_tokens": 5, "queue_len_max": null}});
        assert_eq!(Value::Object(fields(&given).unwrap()), expected);
        assert!(fields(&["weight".to_owned()]).is_err());
        assert!(fields(&["limits=5".to_owned(), "limits.max_tokens=5".to_owned()]).is_err());
    }
}
