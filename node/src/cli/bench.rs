//! `realm bench`.

use super::{
    Failure,
    output::{self, Form},
};
use crate::bench::{self, BenchConfig, BenchError, Layer, Samplings};
use realm_engine::EngineConfig;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub struct BenchArgs {
    /// A GGUF file or a Hugging Face folder.
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Threads that compute. Default: the machine's cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// Streams at once, a measurement for each number.
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1,2,4,8,16",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub streams: Vec<u16>,
    /// Tokens that each stream decodes.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(2..))]
    pub tokens: u32,
    /// Tokens of the prompt whose reading is timed, about.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub prompt_tokens: u32,
    /// What is measured through.
    #[arg(long, value_name = "LAYER,..", value_delimiter = ',', default_value = "engine,runtime,socket")]
    pub through: Vec<Layer>,
    /// All streams belong to one tenant, instead of one each.
    #[arg(long)]
    pub one_tenant: bool,
    /// Tokens that a forward pass of the runtime may guess ahead.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub speculation: u32,
    /// Times that everything is measured; medians are told.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Leave out the calls that compute nothing.
    #[arg(long)]
    pub no_dispatch: bool,
}

/// Measures a model on this machine and prints the figures.
///
/// # Errors
/// The model does not load, or a call fails.
pub fn run(args: BenchArgs, form: Form) -> Result<(), Failure> {
    let mut engine = EngineConfig::default();
    engine.threads = args.threads.map_or(engine.threads, usize::from);
    let config = BenchConfig {
        model: args.model,
        engine,
        decode_tokens: args.tokens,
        prompt_tokens: args.prompt_tokens as usize,
        streams: args.streams.into_iter().map(usize::from).collect(),
        one_tenant: args.one_tenant,
        layers: args.through,
        speculation: args.speculation,
        rounds: usize::from(args.rounds),
        dispatch: !args.no_dispatch,
        samplings: Some(Samplings::listen().map_err(Failure::Start)?),
    };
    // As many threads as `realm serve` has.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("realm-async").build();
    let runtime = runtime.map_err(|error| Failure::Start(format!("cannot start: {error}")))?;
    let report = runtime.block_on(bench::run(&config)).map_err(|error| match error {
        BenchError::Start(error) => Failure::Start(error.to_string()),
        error @ BenchError::Call { .. } => Failure::Start(error.to_string()),
    })?;
    match form {
        Form::Json => output::line(report.to_json()),
        Form::Human => output::line(report),
    }
}
