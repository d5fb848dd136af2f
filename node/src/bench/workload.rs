//! What the streams of one measurement are asked.

use super::{BenchConfig, Layer, node::BenchNode};
use realm_primitives::{GenerateOptions, LogitBias, Milli, SignedMilli};

/// Tokens of the prompts of streams whose decoding is timed, about.
const SHORT_PROMPT_TOKENS: usize = 16;
/// Words that prompts are made of; how many tokens they are is the model's matter.
const WORDS: [&str; 8] = ["the", "river", "was", "wide", "and", "we", "could", "cross"];
/// A bias with which an end token is never drawn.
const NEVER: SignedMilli = SignedMilli(-100_000);

/// The streams of one measurement.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The prompts, one per stream; no two begin alike, not even through different layers, so that no cache helps.
    pub prompts: Vec<String>,
    /// Whether every stream has a tenant of its own.
    pub own_tenants: bool,
    /// The same for all.
    pub options: GenerateOptions,
}

impl Workload {
    /// Streams that decode.
    pub fn decode(config: &BenchConfig, node: &BenchNode, layer: Layer, streams: usize, round: usize) -> Self {
        let name = |stream| format!("{} {streams} {round} {stream}", layer.name());
        Self {
            prompts: (0..streams).map(|stream| text(node, &name(stream), SHORT_PROMPT_TOKENS)).collect(),
            own_tenants: !config.one_tenant,
            options: greedy(node, config.decode_tokens, config.speculation),
        }
    }

    /// One stream with a long prompt and two tokens of answer.
    pub fn prefill(config: &BenchConfig, node: &BenchNode, layer: Layer, round: usize) -> Self {
        Self {
            prompts: vec![text(node, &format!("{} long {round}", layer.name()), config.prompt_tokens)],
            own_tenants: true,
            options: greedy(node, 2, 0),
        }
    }
}

/// Greedy, and never at an end: a measurement needs its tokens.
pub fn greedy(node: &BenchNode, max_tokens: u32, speculation: u32) -> GenerateOptions {
    let bias = node.end_tokens.iter().map(|&token| LogitBias { token, bias: NEVER }).collect();
    GenerateOptions {
        max_tokens: Some(max_tokens),
        temperature: Some(Milli(0)),
        logit_bias: Some(bias),
        seed: Some(0),
        speculation: (speculation > 0).then_some(speculation),
        ..GenerateOptions::default()
    }
}

/// A text of about so many tokens that begins with `name`.
pub fn text(node: &BenchNode, name: &str, tokens: usize) -> String {
    let mut text = format!("{name}:");
    let words = WORDS.iter().cycle();
    // Counted every few words: tokenising the whole for each would be quadratic.
    for (count, word) in words.enumerate().take(tokens.saturating_mul(2)) {
        if count % WORDS.len() == 0 && node.token_count(&text) >= tokens {
            break;
        }
        text.push(' ');
        text.push_str(word);
    }
    text
}
