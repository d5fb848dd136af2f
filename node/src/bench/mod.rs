//! `realm bench`: what a model makes on this machine, through the engine alone, through the wasm
//! runtime, and through the WebSocket, side by side in one process, over one copy of the weights.
//!
//! ```text
//!   engine    session.forward ─► sample                        no sandbox
//!   runtime   executor.call(stream_generate), one sandbox per stream
//!   socket    realm_subscribe over loopback: what a client gets
//! ```
//!
//! Every stream belongs to a tenant of its own, unless it is said otherwise. Streams begin together;
//! what is counted is the time in which all of them decode. Nothing here asserts a time: figures are
//! printed, and `scripts/bench.sh` sets them beside a peer's.

mod delivery;
mod dispatch;
mod engine;
mod node;
mod report;
mod runtime;
mod socket;
mod timeline;
mod workload;

pub use delivery::Samplings;
pub use report::{BenchReport, LayerReport};

use crate::service::StartError;
use node::BenchNode;
use realm_engine::EngineConfig;
use std::{path::PathBuf, str::FromStr};
use workload::Workload;

/// What is measured.
#[derive(Clone, Debug)]
pub struct BenchConfig {
    /// A GGUF file or a Hugging Face folder.
    pub model: PathBuf,
    /// The engine's settings.
    pub engine: EngineConfig,
    /// Tokens that each stream decodes. Default 128.
    pub decode_tokens: u32,
    /// Tokens of the prompt whose reading is timed, about. Default 512.
    pub prompt_tokens: usize,
    /// Streams at once, one measurement each. Default 1, 2, 4, 8, 16.
    pub streams: Vec<usize>,
    /// Whether all streams belong to one tenant instead of one each.
    pub one_tenant: bool,
    /// What is measured through.
    pub layers: Vec<Layer>,
    /// Tokens that a forward pass may guess ahead, by the runtime. Default 0.
    pub speculation: u32,
    /// Times that everything is measured; the median of each figure is told. Default 3.
    pub rounds: usize,
    /// Whether calls that do nothing are measured too. Default yes.
    pub dispatch: bool,
    /// Who knows when tokens are sampled, for the time that they take to their clients. Default nobody.
    pub samplings: Option<Samplings>,
}

/// How a stream reaches the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// Sessions, no sandbox.
    Engine,
    /// Sandboxes, no network.
    Runtime,
    /// A client on loopback.
    Socket,
}

impl Layer {
    /// All, from the bottom up.
    pub const ALL: [Layer; 3] = [Layer::Engine, Layer::Runtime, Layer::Socket];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Engine => "engine",
            Layer::Runtime => "runtime",
            Layer::Socket => "socket",
        }
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Layer::ALL.into_iter().find(|layer| layer.name() == name);
        known.ok_or_else(|| format!("{name:?} is none of engine, runtime, socket"))
    }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The node does not start, mostly because the model does not load.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A call failed.
    #[error("{layer}: {why}")]
    Call {
        /// Where.
        layer: &'static str,
        /// What it said.
        why: String,
    },
}

/// Measures.
///
/// # Errors
/// The node does not start, or a call fails.
pub async fn run(config: &BenchConfig) -> Result<BenchReport, BenchError> {
    let node = BenchNode::start(config).await?;
    let mut report = BenchReport::new(config, &node);
    for round in 0..config.rounds.max(1) {
        // Interleaved, so that a slow minute of the machine is everybody's.
        for &layer in &config.layers {
            let prompt = Workload::prefill(config, &node, layer, round);
            let first = measure(layer, &node, &prompt).await?;
            report.prefill(layer, &first);
            for &streams in &config.streams {
                let work = Workload::decode(config, &node, layer, streams, round);
                report.decode(layer, streams, &measure(layer, &node, &work).await?);
            }
        }
    }
    report.second_turn(socket::second_turn(&node).await?);
    if config.dispatch {
        report.dispatch(dispatch::measure(&node).await?);
    }
    node.stop().await;
    Ok(report)
}

async fn measure(layer: Layer, node: &BenchNode, work: &Workload) -> Result<Vec<timeline::Timeline>, BenchError> {
    let streams = match layer {
        Layer::Engine => engine::run(node, work).await,
        Layer::Runtime => runtime::run(node, work).await,
        Layer::Socket => socket::run(node, work).await,
    };
    streams.map_err(|why| BenchError::Call { layer: layer.name(), why })
}
