//! The log, on standard error. What callers say stays out of it unless its operator asks: the libraries
//! below log whole frames at their chattiest levels, and a runtime's own lines can quote a prompt.

use super::{Failure, args::LogFormat};
use std::io::IsTerminal;
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

/// Targets of libraries that see frames, and how far down they may log without showing any.
const WIRE_TARGETS: [&str; 6] = ["jsonrpsee", "soketto", "hyper", "tungstenite", "tokio_tungstenite", "wasmtime"];
const WIRE_LEVEL_MAX: Level = Level::INFO;
/// Lines that runtimes log themselves.
const GUEST_TARGET: &str = "realm::guest";

/// Starts logging what `filter` lets through; with `prompts`, also what may quote callers.
///
/// # Errors
/// The filter is none.
pub fn start(filter: &str, format: LogFormat, prompts: bool) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter}: {error}; try `info` or `warn,realm_node=debug`")))?;
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter_fn(move |line| prompts || says_nothing_of_callers(line))).with_filter(filter))
        .try_init()
        .map_err(|error| Failure::Start(format!("cannot start the log: {error}")))
}

fn says_nothing_of_callers(line: &Metadata<'_>) -> bool {
    let below = |target: &str| line.target().starts_with(target);
    match () {
        () if below(GUEST_TARGET) => false,
        () if WIRE_TARGETS.into_iter().any(below) => *line.level() <= WIRE_LEVEL_MAX,
        () => true,
    }
}
