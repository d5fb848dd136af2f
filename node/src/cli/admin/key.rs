//! `realm key generate|list|revoke`: by a running node's RPC, or in the database of a node that does not
//! run, which is how the first key comes to be.

use crate::{
    auth::{KeyError, KeyLimits, Keyring, NewKey, Role, Roles, now_unix_ms, prefix_of, shown_once},
    cli::{
        Failure,
        args::NodeArgs,
        block_on, client,
        output::{self, Form},
    },
    service::{DATABASE_FILE, open_store},
    tenants::TenantId,
};
use clap::Subcommand;
use realm_rpc::api::AuthClient;
use serde_json::Value;
use std::path::{Path, PathBuf};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const HOUR_MS: u64 = 60 * 60 * 1000;

#[derive(Subcommand, Debug)]
pub enum KeyCommand {
    /// Make a key and print it. It is shown this once; the node keeps only its hash.
    Generate(GenerateArgs),
    /// Print which keys there are, without what makes them keys.
    List(ListArgs),
    /// Take a key back. Connections that showed it are closed.
    Revoke(RevokeArgs),
}

#[derive(clap::Args, Debug)]
pub struct GenerateArgs {
    /// The tenant that its holder calls as. Without one it is the node's own key: for all tenants, and
    /// to administer.
    #[arg(long)]
    pub tenant: Option<String>,
    /// What its holder may do; may be said twice. Default: call, and without --tenant both.
    #[arg(long, value_name = "call|admin", value_parser = Role::ALL.map(Role::name))]
    pub role: Vec<String>,
    /// Days until it ends. Default: never.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub days: Option<u32>,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    #[command(flatten)]
    pub at: KeysAt,
}

#[derive(clap::Args, Debug)]
pub struct ListArgs {
    /// Only those of this tenant.
    #[arg(long)]
    pub tenant: Option<String>,
    #[command(flatten)]
    pub at: KeysAt,
}

#[derive(clap::Args, Debug)]
pub struct RevokeArgs {
    /// The key's prefix, as `realm key list` prints it.
    pub prefix: String,
    #[command(flatten)]
    pub at: KeysAt,
}

/// Where the keys are.
#[derive(clap::Args, Debug)]
pub struct KeysAt {
    /// The folder of a node that does not run. Default: ask the running node at --url. Tenants' names are
    /// not checked here, for the folder does not say which there are.
    #[arg(long, value_name = "DIR")]
    pub base_path: Option<PathBuf>,
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Runs one of the commands.
///
/// # Errors
/// The node cannot be reached or refuses; the folder's database cannot be used.
pub fn run(command: KeyCommand, form: Form) -> Result<(), Failure> {
    match command {
        KeyCommand::Generate(args) => generate(args, form),
        KeyCommand::List(args) => list(args, form),
        KeyCommand::Revoke(args) => revoke(args, form),
    }
}

fn generate(args: GenerateArgs, form: Form) -> Result<(), Failure> {
    let GenerateArgs { tenant, role, days, label, at } = args;
    let expires_at_unix_ms = days.map(|days| now_unix_ms().saturating_add(u64::from(days) * DAY_MS));
    let made = block_on(async {
        let Some(folder) = at.base_path else {
            let roles = (!role.is_empty()).then_some(role);
            let node = client::connect(&at.node).await?;
            return Ok(node.key_generate(tenant, roles, expires_at_unix_ms, label).await?);
        };
        let tenant = tenant.as_deref().map(TenantId::from);
        let roles = Roles::read(role.iter().map(String::as_str)).unwrap_or(Roles::of_new(tenant.as_ref()));
        let keys = Keyring::open(&open_store(Some(&folder)).map_err(cannot_open)?, KeyLimits::default());
        let new = NewKey { tenant, roles, expires_at_unix_ms, label };
        let (text, key) = keys.map_err(failed)?.generate(new).await.map_err(failed)?;
        Ok(shown_once(&text, &key))
    })?;
    if form == Form::Json {
        return output::line(&made);
    }
    // The key alone on standard output, so that `KEY=$(realm key generate)` does what it looks like.
    output::line(made["key"].as_str().unwrap_or_default())?;
    eprintln!("{}\nIt is not shown again: keep it, and use it with --api-key or REALM_API_KEY.", human(&made));
    Ok(())
}

fn list(args: ListArgs, form: Form) -> Result<(), Failure> {
    let keys = block_on(async {
        let Some(folder) = args.at.base_path else {
            return Ok(client::connect(&args.at.node).await?.key_list(args.tenant).await?);
        };
        let keys = existing(&folder)?.all().into_iter();
        let wanted = keys
            .filter(|key| args.tenant.is_none() || key.tenant.as_ref().map(TenantId::as_str) == args.tenant.as_deref());
        Ok(wanted.map(|key| key.to_json()).collect::<Value>())
    })?;
    match form {
        Form::Json => output::line(&keys),
        Form::Human => keys.as_array().into_iter().flatten().try_for_each(|key| output::line(human(key))),
    }
}

fn revoke(args: RevokeArgs, form: Form) -> Result<(), Failure> {
    let revoked = block_on(async {
        let Some(folder) = args.at.base_path else {
            return Ok(client::connect(&args.at.node).await?.key_revoke(args.prefix).await?);
        };
        let prefix = prefix_of(&args.prefix);
        let revoked = existing(&folder)?.revoke(|key| key.prefix == prefix).await.map_err(failed)?;
        let none = || Failure::Usage(format!("there is no key {prefix} in {}", folder.display()));
        Ok(revoked.first().ok_or_else(none)?.to_json())
    })?;
    match form {
        Form::Json => output::line(&revoked),
        Form::Human => output::line(format!("revoked  {}", human(&revoked))),
    }
}

/// The keys of a folder in which a node has been.
fn existing(folder: &Path) -> Result<Keyring, Failure> {
    if !folder.join(DATABASE_FILE).exists() {
        return Err(Failure::Usage(format!("there is no database in {}: no node has run there", folder.display())));
    }
    let store = open_store(Some(folder)).map_err(cannot_open)?;
    Keyring::open(&store, KeyLimits::default()).map_err(failed)
}

fn cannot_open(error: crate::service::StartError) -> Failure {
    Failure::Usage(format!(
        "{error}. A running node's keys are had from itself: without --base-path, with --url and --api-key"
    ))
}

fn failed(error: KeyError) -> Failure {
    Failure::Usage(error.to_string())
}

/// `1f0c93ab77e2  acme_corp  call,admin  for 29 d  ci runner`
fn human(key: &Value) -> String {
    let text = |field: &str| key[field].as_str();
    let roles: Vec<_> = key["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let end = match key["expires_at_unix_ms"].as_u64() {
        None => "does not expire".to_owned(),
        Some(end) => match end.saturating_sub(now_unix_ms()) {
            0 => "expired".to_owned(),
            left if left < DAY_MS => format!("for {} h", left.div_ceil(HOUR_MS)),
            left => format!("for {} d", left / DAY_MS),
        },
    };
    let whose = text("tenant_id").map_or("the node's".to_owned(), |tenant| format!("tenant {tenant}"));
    let label = text("label").map(|label| format!("  {label}")).unwrap_or_default();
    format!("{}  {whose}  {}  {end}{label}", text("prefix").unwrap_or_default(), roles.join(","))
}
