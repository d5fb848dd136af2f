//! The `realm` command. Each subcommand is a file; what they share is the connection to a node, the
//! log, and what an exit code means.

mod admin;
mod args;
mod bench;
mod build_spec;
mod call;
mod chain_log;
mod chat;
mod client;
mod compile_blob;
mod db;
mod descriptors;
mod editor;
mod exit;
mod history;
mod limits;
mod lines;
mod log;
mod metadata;
mod model;
mod output;
mod pages;
mod serve;
mod upgrade;
mod usage;
mod user_folders;

pub use exit::Failure;
pub use limits::HEADING as LIMITS_HEADING;

use args::{Args, ChainCommand, Command, DbCommand, ModelCommand};
use clap::{CommandFactory, Parser};
use output::Form;
use std::process::ExitCode;

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    // Prints help or what is wrong with the arguments, and ends, by itself.
    let args = Args::parse();
    let form = Form::from(args.json);
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(form),
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let form = Form::from(args.json);
    match args.command {
        Command::Serve(args) => serve::run(*args),
        Command::Call(args) => call::run(args, form),
        Command::Chat(args) => chat::run(args, form),
        Command::Metadata(args) => metadata::run(args, form),
        Command::BuildSpec(args) => build_spec::run(args),
        Command::Upgrade(args) => upgrade::run(args, form),
        Command::Rollback(args) => upgrade::roll_back(args, form),
        Command::Key { command } => admin::key::run(command, form),
        Command::Tenant { command } => admin::tenant::run(command, form),
        Command::Bench(args) => bench::run(args, form),
        Command::Chain { command: ChainCommand::Log(args) } => chain_log::run(args, form),
        Command::Model { command: ModelCommand::Inspect(args) } => model::inspect(args, form),
        Command::Model { command: ModelCommand::Pull(args) } => model::pull(args, form),
        Command::Db { command: DbCommand::Check(args) } => db::check(args, form),
        Command::Db { command: DbCommand::Export(args) } => db::export(args),
        Command::Usage(args) => usage::run(args, form),
        Command::CompileBlob => compile_blob::run(),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { out } => pages::man(out.as_deref()),
    }
}

/// The command line as it is understood, for those who compare what is said of it.
pub fn command() -> clap::Command {
    Args::command()
}

/// A runtime for commands that talk to a node.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(format!("cannot start: {error}")))?
        .block_on(work)
}
