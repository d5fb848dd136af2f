//! Figures, for people and for scripts. Each is the median of the rounds.

use super::{
    BenchConfig, Layer,
    dispatch::Dispatch,
    node::BenchNode,
    socket::SecondTurn,
    timeline::{Timeline, quantile, tokens_per_second},
};
use crate::memory::resident_bytes;
use realm_engine::read_bytes_per_second;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fmt, fs};

/// Memory of the read-only pass: more than processors cache.
const READ_PASS_BYTES: usize = 256 << 20;
const READ_PASS_ROUNDS: usize = 5;

/// What one layer made.
#[derive(Clone, Debug, Default)]
pub struct LayerReport {
    prefill: Vec<f64>,
    /// By streams at once.
    decode: BTreeMap<usize, Decode>,
}

/// So many streams at once, a value per round; gaps of all rounds together.
#[derive(Clone, Debug, Default)]
struct Decode {
    tokens_per_second: Vec<f64>,
    first_ms: Vec<f64>,
    gaps_ms: Vec<f64>,
    delays_ms: Vec<f64>,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct BenchReport {
    model: Value,
    threads: usize,
    weight_bytes: u64,
    read_bytes_per_second: f64,
    resident_bytes: Option<u64>,
    layers: Vec<(Layer, LayerReport)>,
    second_turn: Option<SecondTurn>,
    dispatch: Option<Dispatch>,
}

impl BenchReport {
    pub(super) fn new(config: &BenchConfig, node: &BenchNode) -> Self {
        let info = node.model.model().info();
        let weight_bytes = fs::metadata(&config.model).map_or(0, |file| file.len());
        Self {
            model: json!({
                "file": config.model.display().to_string(),
                "architecture": info.architecture,
                "quantization": info.quantization,
                "parameters": info.parameter_count,
            }),
            threads: config.engine.threads,
            weight_bytes,
            read_bytes_per_second: read_bytes_per_second(config.engine.threads, READ_PASS_BYTES, READ_PASS_ROUNDS),
            resident_bytes: resident_bytes(),
            layers: config.layers.iter().map(|&layer| (layer, LayerReport::default())).collect(),
            second_turn: None,
            dispatch: None,
        }
    }

    pub(super) fn prefill(&mut self, layer: Layer, streams: &[Timeline]) {
        let rates = streams.iter().filter_map(|stream| {
            let computed = stream.prompt_tokens.saturating_sub(stream.cached_tokens);
            Some(f64::from(computed) / stream.first()?.as_secs_f64())
        });
        self.layer(layer).prefill.extend(rates);
    }

    pub(super) fn decode(&mut self, layer: Layer, count: usize, streams: &[Timeline]) {
        let decode = self.layer(layer).decode.entry(count).or_default();
        decode.tokens_per_second.extend(tokens_per_second(streams));
        decode.first_ms.extend(streams.iter().filter_map(Timeline::first).map(|first| first.as_secs_f64() * 1e3));
        decode.gaps_ms.extend(streams.iter().flat_map(Timeline::gaps_ms));
        decode.delays_ms.extend(streams.iter().flat_map(|stream| &stream.delays_ms));
    }

    pub(super) fn second_turn(&mut self, turns: SecondTurn) {
        self.second_turn = Some(turns);
    }

    pub(super) fn dispatch(&mut self, dispatch: Dispatch) {
        self.dispatch = Some(dispatch);
    }

    fn layer(&mut self, wanted: Layer) -> &mut LayerReport {
        let at = self.layers.iter().position(|(layer, _)| *layer == wanted);
        let at = at.unwrap_or_else(|| {
            self.layers.push((wanted, LayerReport::default()));
            self.layers.len() - 1
        });
        &mut self.layers[at].1
    }

    /// The figures as JSON, rates in tokens per second, times in milliseconds, sizes in bytes.
    pub fn to_json(&self) -> Value {
        let layers = self.layers.iter().map(|(layer, report)| (layer.name().to_owned(), report.to_json()));
        let mut json = json!({
            "model": self.model,
            "threads": self.threads,
            "weight_bytes": self.weight_bytes,
            "read_bytes_per_second": self.read_bytes_per_second,
            "resident_bytes": self.resident_bytes,
            "layers": layers.collect::<Map<_, _>>(),
        });
        if let Some(turns) = &self.second_turn {
            json["second_turn"] = json!({
                "first_tokens": turns.first_tokens, "first_ms": turns.first.as_secs_f64() * 1e3,
                "second_tokens": turns.second_tokens, "second_cached_tokens": turns.second_cached,
                "second_ms": turns.second.as_secs_f64() * 1e3,
            });
        }
        if let Some(dispatch) = &self.dispatch {
            json["dispatch"] = dispatch.to_json();
        }
        json
    }
}

impl LayerReport {
    fn to_json(&self) -> Value {
        let decode = self.decode.iter().map(|(streams, decode)| {
            let mut decode = decode.clone();
            let mut figures = json!({
                "tokens_per_second": quantile(&mut decode.tokens_per_second, 0.5),
                "first_token_ms": quantile(&mut decode.first_ms, 0.5),
                "inter_token_p50_ms": quantile(&mut decode.gaps_ms, 0.5),
                "inter_token_p99_ms": quantile(&mut decode.gaps_ms, 0.99),
            });
            if !decode.delays_ms.is_empty() {
                figures["sampled_to_client_p50_ms"] = json!(quantile(&mut decode.delays_ms, 0.5));
                figures["sampled_to_client_p99_ms"] = json!(quantile(&mut decode.delays_ms, 0.99));
            }
            (streams.to_string(), figures)
        });
        json!({
            "prefill_tokens_per_second": quantile(&mut self.prefill.clone(), 0.5),
            "decode": decode.collect::<Map<_, _>>(),
        })
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gb = |bytes: f64| bytes / 1e9;
        writeln!(f, "model      {}", self.model["file"].as_str().unwrap_or_default())?;
        writeln!(
            f,
            "           {} {}, {} threads",
            self.model["architecture"], self.model["quantization"], self.threads
        )?;
        writeln!(
            f,
            "memory     reads {:.1} GB/s; weights are {:.3} GB",
            gb(self.read_bytes_per_second),
            gb(self.weight_bytes as f64)
        )?;
        if let Some(resident) = self.resident_bytes {
            writeln!(
                f,
                "           {:.3} GB resident, {:.2} of the file",
                gb(resident as f64),
                resident as f64 / self.weight_bytes as f64
            )?;
        }
        writeln!(f, "\n           streams   tokens/s   first token   between tokens p50 / p99   of memory's speed")?;
        for (layer, report) in &self.layers {
            let prefill = quantile(&mut report.prefill.clone(), 0.5);
            writeln!(f, "{:<10} prompt   {prefill:>9.1}", layer.name())?;
            for (streams, decode) in &report.decode {
                let mut decode = decode.clone();
                let rate = quantile(&mut decode.tokens_per_second, 0.5);
                let read = rate / *streams as f64 * self.weight_bytes as f64 / self.read_bytes_per_second;
                writeln!(
                    f,
                    "{:<10} {streams:>6}   {rate:>9.1}   {:>8.1} ms   {:>10.2} / {:.2} ms   {:>16.0} %",
                    layer.name(),
                    quantile(&mut decode.first_ms, 0.5),
                    quantile(&mut decode.gaps_ms, 0.5),
                    quantile(&mut decode.gaps_ms, 0.99),
                    read * 100.0,
                )?;
            }
        }
        for (layer, report) in &self.layers {
            for (streams, decode) in report.decode.iter().filter(|(_, decode)| !decode.delays_ms.is_empty()) {
                let mut delays = decode.delays_ms.clone();
                let (p50, p99) = (quantile(&mut delays, 0.5), quantile(&mut delays, 0.99));
                writeln!(
                    f,
                    "{:<10} {streams:>6}   from sampling to the client p50 / p99 {p50:.2} / {p99:.2} ms",
                    layer.name()
                )?;
            }
        }
        if let Some(turns) = &self.second_turn {
            writeln!(
                f,
                "\nturns      first token after {:.1} ms for {} tokens, {:.1} ms for the next {} ({} cached): {:.2} of it",
                turns.first.as_secs_f64() * 1e3,
                turns.first_tokens,
                turns.second.as_secs_f64() * 1e3,
                turns.second_tokens,
                turns.second_cached,
                turns.second.as_secs_f64() / turns.first.as_secs_f64(),
            )?;
        }
        if let Some(Dispatch { health_check, bare }) = &self.dispatch {
            writeln!(f, "\ncalls      p50 / p99 us   calls/s (16 in flight)")?;
            for (name, calls) in [("health_check", health_check), ("bare method", bare)] {
                writeln!(f, "{name:<12} {:.0} / {:.0}   {:.0}", calls.p50_us, calls.p99_us, calls.calls_per_second)?;
            }
            writeln!(
                f,
                "{:<12} {:.2} of a bare method's throughput",
                "",
                health_check.calls_per_second / bare.calls_per_second
            )?;
        }
        Ok(())
    }
}
