//! The command line.

use super::{
    admin::{key::KeyCommand, tenant::TenantCommand},
    limits::LimitArgs,
};
use clap::{Parser, Subcommand, ValueEnum};
use realm_engine::{ComputeDevice, KvPrecision};
use std::{net::IpAddr, path::PathBuf};

/// Where a node listens if nothing else is said.
const DEFAULT_URL: &str = "ws://127.0.0.1:9944";

/// An inference node whose functions are sandboxed, versioned runtimes.
#[derive(Parser, Debug)]
#[command(name = "realm", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = super::exit::help())]
pub struct Args {
    /// For scripts: print results as one line of JSON, and errors too (on standard error).
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a node.
    Serve(Box<ServeArgs>),
    /// Call a function and print its result.
    Call(CallArgs),
    /// Talk with the model. Ctrl-C cancels an answer, Ctrl-D leaves.
    Chat(ChatArgs),
    /// Print what functions a node has; `--json` prints the whole discovery document.
    Metadata(NodeArgs),
    /// Print a chain specification, to be edited and given to `serve --chain`.
    BuildSpec(BuildSpecArgs),
    /// Put a new runtime in force on a running node.
    Upgrade(UpgradeArgs),
    /// Go back to the runtime before the last upgrade.
    Rollback(RollbackArgs),
    /// Make keys, see which there are, take them back.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Add, change and end tenants of a running node.
    Tenant {
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Measure a model on this machine.
    Bench(super::bench::BenchArgs),
    /// Look at the chain of upgrades.
    Chain {
        #[command(subcommand)]
        command: ChainCommand,
    },
    /// Look at models, and fetch them.
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Look at the database of a node that is stopped.
    Db {
        #[command(subcommand)]
        command: DbCommand,
    },
    /// Print what tenants used and are charged, per day of this month.
    Usage(UsageArgs),
    /// What a node starts to compile a blob: an order and the blob on standard input, machine code on standard output.
    #[command(hide = true)]
    CompileBlob,
    /// Print a completion script for a shell: `realm completions bash >> ~/.bash_completion`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page: `realm man | man -l -`.
    Man {
        /// Write the pages of all commands into this folder instead.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Subcommand, Debug)]
pub enum ModelCommand {
    /// Say what a model is, without loading it: sizes, quantisation, tokenizer, the memory it needs.
    Inspect(InspectArgs),
    /// Fetch a model from a hub into the Hugging Face cache and print its path. HF_ENDPOINT, HF_TOKEN, HF_HOME and
    /// HF_HUB_OFFLINE are honoured. What was broken off is resumed; what came is checked.
    Pull(PullArgs),
}

#[derive(clap::Args, Debug)]
pub struct InspectArgs {
    /// A GGUF file, a Hugging Face folder or `hf:OWNER/NAME[:FILE]`.
    #[arg(value_name = "PATH|hf:..")]
    pub path: PathBuf,
}

#[derive(clap::Args, Debug)]
pub struct PullArgs {
    /// `hf:OWNER/NAME` or `hf:OWNER/NAME:FILE`.
    #[arg(value_name = "hf:OWNER/NAME[:FILE]")]
    pub reference: String,
}

#[derive(Subcommand, Debug)]
pub enum ChainCommand {
    /// Print which runtimes were in force, newest first.
    Log(ChainLogArgs),
}

#[derive(Subcommand, Debug)]
pub enum DbCommand {
    /// Check every page and value, and say what the database holds.
    Check(DbArgs),
    /// Print what tenants have stored, one JSON object per line: `tenant`, and `key` and `value` in hex.
    Export(DbExportArgs),
}

#[derive(clap::Args, Debug)]
pub struct DbArgs {
    /// Folder of the database, as `serve` has it.
    #[arg(long, value_name = "DIR")]
    pub base_path: PathBuf,
}

#[derive(clap::Args, Debug)]
pub struct DbExportArgs {
    /// Only of this tenant.
    #[arg(long)]
    pub tenant: Option<String>,
    #[command(flatten)]
    pub db: DbArgs,
}

#[derive(clap::Args, Debug)]
pub struct UpgradeArgs {
    /// The blob: wasm, plain or compressed.
    pub file: PathBuf,
    /// Only for this tenant. Default: all that have no runtime of their own.
    #[arg(long)]
    pub tenant: Option<String>,
    /// Check everything and say what would change, but change nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct RollbackArgs {
    /// Only for this tenant.
    #[arg(long)]
    pub tenant: Option<String>,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct ChainLogArgs {
    /// Most blocks to print.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Print heartbeats too.
    #[arg(long)]
    pub heartbeats: bool,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct UsageArgs {
    /// Only this tenant's.
    #[arg(long)]
    pub tenant: Option<String>,
    /// From when on, in UTC. Default: the month's beginning.
    #[arg(long, value_name = "DATE|TIME")]
    pub from: Option<String>,
    /// Until before when. Default: now.
    #[arg(long, value_name = "DATE|TIME")]
    pub to: Option<String>,
    /// What is summed up.
    #[arg(long, value_enum, default_value_t = UsagePeriod::Day)]
    pub period: UsagePeriod,
    /// Print comma-separated values, all columns.
    #[arg(long)]
    pub csv: bool,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsagePeriod {
    /// Each hour.
    Hour,
    /// Each day.
    Day,
    /// Each calendar month.
    Month,
}

impl UsagePeriod {
    /// As the wire names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

#[derive(clap::Args, Debug)]
pub struct ServeArgs {
    /// The development chain: one tenant, no keys. The default.
    #[arg(long, conflicts_with = "chain")]
    pub dev: bool,
    /// The chain: `dev`, `local`, or the file of a specification.
    #[arg(long, value_name = "FILE|dev|local")]
    pub chain: Option<String>,
    /// A GGUF file, a Hugging Face folder or `hf:OWNER/NAME[:FILE]`, in place of the chain's first model.
    #[arg(long, value_name = "PATH|hf:..")]
    pub model: Option<PathBuf>,
    /// A model that embeds texts (BERT: MiniLM, BGE, E5), for all tenants that have none of their own: a GGUF file, a
    /// Hugging Face folder or `hf:OWNER/NAME[:FILE]`. Without one, the text model's own hidden states are pooled.
    #[arg(long, value_name = "PATH|hf:..")]
    pub embedding_model: Option<PathBuf>,
    /// Port of JSON-RPC; 0 takes any.
    #[arg(long, default_value_t = crate::service::RPC_PORT)]
    pub port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Listen beyond this machine although the chain needs no keys, so that everybody may call. Say it
    /// twice, because it is seldom meant.
    #[arg(long, action = clap::ArgAction::Count)]
    pub allow_unauthenticated: u8,
    /// A web page's origin that may use the node, for example `https://example.org`; `*` for all, given twice where the
    /// chain needs no keys. Pages of this machine always may.
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// A name that a chain without keys may be reached by, beside addresses and `localhost`.
    #[arg(long, value_name = "NAME")]
    pub allowed_host: Vec<String>,
    /// Folder of the database. Without it nothing survives a restart.
    #[arg(long, value_name = "DIR")]
    pub base_path: Option<PathBuf>,
    /// Folder of runtimes' machine code, which makes the next start faster. Default: in the base path, else in the
    /// user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub compiled_dir: Option<PathBuf>,
    /// Keep no machine code.
    #[arg(long, conflicts_with = "compiled_dir")]
    pub no_compiled_dir: bool,
    /// Address to serve /metrics on, whatever --host is.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub metrics_host: IpAddr,
    /// Port of /metrics; 0 takes any.
    #[arg(long, default_value_t = crate::service::METRICS_PORT)]
    pub metrics_port: u16,
    /// Do not serve /metrics.
    #[arg(long)]
    pub no_metrics: bool,
    /// What to log, for example `info` or `warn,realm_node=debug`.
    #[arg(long, default_value = "info", env = "RUST_LOG")]
    pub log: String,
    /// How to log.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Let the log show what callers say: whole frames, where --log asks for them, and lines that
    /// runtimes log.
    #[arg(long)]
    pub log_prompts: bool,
    #[command(flatten)]
    pub compute: ComputeArgs,
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// How models are computed.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Computing")]
pub struct ComputeArgs {
    /// Where models are computed: cpu, or cuda[:N] or metal[:N] in a build that has them; candle-cpu is what those are
    /// compared with. Default: cpu.
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<ComputeDevice>,
    /// Threads that compute. Default: the machine's cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// How precisely keys and values are kept. Default: 32 bits for models of f32 weights, else 16.
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub kv_precision: Option<KvPrecisionArg>,
}

/// What `--kv-precision` takes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum KvPrecisionArg {
    /// 8 bits and a scale: room for almost twice the tokens of f16, and answers that differ a little from its.
    Int8,
    /// 16-bit floats.
    F16,
    /// 32-bit floats.
    F32,
}

impl From<KvPrecisionArg> for KvPrecision {
    fn from(precision: KvPrecisionArg) -> Self {
        match precision {
            KvPrecisionArg::Int8 => Self::Int8,
            KvPrecisionArg::F16 => Self::F16,
            KvPrecisionArg::F32 => Self::F32,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(clap::Args, Debug)]
pub struct NodeArgs {
    /// The node.
    #[arg(long, default_value = DEFAULT_URL, env = "REALM_URL")]
    pub url: String,
    /// The key to call with. Better in the environment, where other users of the machine cannot read it.
    #[arg(long, value_name = "KEY", env = "REALM_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
}

#[derive(clap::Args, Debug)]
pub struct CallArgs {
    /// The function, for example `generate`; `realm metadata` lists them.
    pub function: String,
    /// Its parameters as a JSON object or array, for example `{"prompt":"Hi"}`.
    pub params: Option<String>,
    /// Print what the function streams, one JSON event per line.
    #[arg(long)]
    pub stream: bool,
    /// The tenant to call as.
    #[arg(long)]
    pub tenant: Option<String>,
    /// Milliseconds that the call may take.
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u64>,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct ChatArgs {
    /// Go on with the conversation of this name, or begin it.
    #[arg(long, value_name = "NAME")]
    pub conversation: Option<String>,
    /// The tenant to talk as.
    #[arg(long)]
    pub tenant: Option<String>,
    #[command(flatten)]
    pub node: NodeArgs,
}

#[derive(clap::Args, Debug)]
pub struct BuildSpecArgs {
    /// The preset, or a file to check and write out with every default.
    #[arg(long, default_value = "dev", value_name = "FILE|dev|local")]
    pub chain: String,
}
