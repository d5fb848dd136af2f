//! From logits to a token: everything that decides which token comes next, in one file.
//!
//! A row of logits passes through these steps, in this order; each is skipped at its neutral value.
//!
//! ```text
//! logits ─ bias ─ repetition ─ presence, frequency ─ temperature ─ top_k ─ top_p ─ min_p ─ draw
//!                                                    └ 0: the largest logit, ties to the lowest id
//! ```
//!
//! Survivors are chosen first and only they are exponentiated, where the filters allow it: a softmax over
//! a whole vocabulary costs more than a small model's forward pass. `top_p` counts probability among the
//! survivors of `top_k`; `min_p` compares with the likeliest token.
//!
//! # Randomness that a client can reproduce
//! The draw for the i-th token (i counts this sampler's draws from 0) depends on the seed and on i alone:
//! no state passes from one draw to the next, and no neighbour in a batch can change it.
//!
//! ```text
//! mix(z) = z ^= z >> 30; z *= 0xBF58476D1CE4E5B9; z ^= z >> 27; z *= 0x94D049BB133111EB; z ^= z >> 31   (SplitMix64)
//! u      = (mix(mix(seed) + (i + 1) * 0x9E3779B97F4A7C15) >> 11) / 2^53      64-bit, wrapping; 0 <= u < 1
//! ```
//!
//! The token drawn is the first, in ascending id among the survivors, whose cumulated weight exceeds
//! u times the survivors' total weight. Weights are `exp((logit - largest) / temperature)`, computed with
//! multiplications and additions only, so that every machine draws the same token from the same logits.

use std::cmp::Ordering;
use std::collections::HashMap;

/// Temperatures above this are refused: the distribution is flat long before.
pub const TEMPERATURE_MAX: f32 = 100.0;
/// Presence and frequency penalties lie within plus and minus this.
pub const PENALTY_MAX: f32 = 100.0;
/// The repetition penalty divides a logit by at most this.
pub const REPETITION_PENALTY_MAX: f32 = 100.0;
/// Biases lie within plus and minus this; 100 already decides.
pub const LOGIT_BIAS_MAX: f32 = 1_000.0;
/// The most tokens that one set of parameters may bias.
pub const LOGIT_BIAS_COUNT_MAX: usize = 1_024;
/// The most alternatives reported beside a drawn token.
pub const LOGPROBS_MAX: u32 = 64;

/// Bytes of a token that a sampler remembers: nine in the hash table, an eighth of which is empty, and half as much
/// again while it grows.
const SEEN_ENTRY_BYTES: u64 = 16;

/// What a sampler does. The default changes nothing: temperature 1, no filter, no penalty, seed 0.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits, 0 to [`TEMPERATURE_MAX`]. 0 is greedy: the largest logit, ties to the lowest id.
    pub temperature: f32,
    /// Keeps the k largest logits; 0 keeps all.
    pub top_k: u32,
    /// Keeps the fewest tokens whose probabilities reach this, in (0, 1]; 1 keeps all.
    pub top_p: f32,
    /// Drops what is less likely than this times the likeliest, in [0, 1]; 0 keeps all.
    pub min_p: f32,
    /// Divides a positive logit, and multiplies a negative one, of every token seen before (accepted or
    /// drawn), in (0, [`REPETITION_PENALTY_MAX`]]; 1 changes nothing.
    pub repetition_penalty: f32,
    /// Subtracted once from the logit of every token already drawn; within [`PENALTY_MAX`].
    pub presence_penalty: f32,
    /// Subtracted from a token's logit once for each time it was drawn; within [`PENALTY_MAX`].
    pub frequency_penalty: f32,
    /// Added to single tokens' logits before anything else; the last entry for a token counts.
    pub logit_bias: Vec<(u32, f32)>,
    /// Seeds the generator described above.
    pub seed: u64,
    /// `Some(n)`: report the drawn token's log-probability and the n likeliest tokens'.
    pub logprobs: Option<u32>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: 0,
            logprobs: None,
        }
    }
}

/// Why parameters were refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SamplingParamsError {
    #[error("{field} is {value}; it must lie in {bounds}")]
    OutOfRange { field: &'static str, value: f32, bounds: String },
    #[error("logit_bias names {count} tokens; at most {LOGIT_BIAS_COUNT_MAX}")]
    TooManyBiases { count: usize },
    #[error("logprobs asks for {count} alternatives; at most {LOGPROBS_MAX}")]
    TooManyLogprobs { count: u32 },
}

/// Why no token could be drawn from a row of logits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    #[error("the model's logit for token {token} is {value}")]
    NotFinite { token: u32, value: f32 },
    #[error("every one of the {vocab} logits is -inf: no token is left to draw")]
    NothingLeft { vocab: usize },
    #[error("logit_bias names token {token}; the vocabulary has {vocab}")]
    BiasOutOfVocabulary { token: u32, vocab: usize },
}

/// A drawn token.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    pub token: u32,
    /// Natural log of the token's probability under the model's own logits, before bias, penalties,
    /// temperature and filters. `Some` if the parameters asked for log-probabilities.
    pub logprob: Option<f32>,
    /// The likeliest tokens and their log-probabilities under the same distribution, likeliest first.
    pub top: Vec<(u32, f32)>,
}

/// Draws tokens one after another and remembers them for the penalties.
#[derive(Clone, Debug)]
pub struct Sampler {
    params: SamplingParams,
    /// Times a token was drawn by this sampler; 0 for one that was only accepted.
    seen: HashMap<u32, u32>,
    draws: u64,
    /// The row after bias and penalties. Kept between draws so that a draw allocates nothing of its size.
    adjusted: Vec<f32>,
}

impl Sampler {
    /// # Errors
    /// The first parameter that is out of its bounds, by name. NaN is out of every bound.
    pub fn new(params: SamplingParams) -> Result<Self, SamplingParamsError> {
        let check = |field, value: f32, inside: bool, bounds: String| match inside {
            true => Ok(()),
            false => Err(SamplingParamsError::OutOfRange { field, value, bounds }),
        };
        let p = &params;
        check(
            "temperature",
            p.temperature,
            (0.0..=TEMPERATURE_MAX).contains(&p.temperature),
            format!("[0, {TEMPERATURE_MAX}]"),
        )?;
        check("top_p", p.top_p, p.top_p > 0.0 && p.top_p <= 1.0, "(0, 1]".into())?;
        check("min_p", p.min_p, (0.0..=1.0).contains(&p.min_p), "[0, 1]".into())?;
        let repetition = p.repetition_penalty;
        check(
            "repetition_penalty",
            repetition,
            repetition > 0.0 && repetition <= REPETITION_PENALTY_MAX,
            format!("(0, {REPETITION_PENALTY_MAX}]"),
        )?;
        for (field, value) in [("presence_penalty", p.presence_penalty), ("frequency_penalty", p.frequency_penalty)] {
            check(field, value, value.abs() <= PENALTY_MAX, format!("[-{PENALTY_MAX}, {PENALTY_MAX}]"))?;
        }
        for &(_, bias) in &p.logit_bias {
            check("logit_bias", bias, bias.abs() <= LOGIT_BIAS_MAX, format!("[-{LOGIT_BIAS_MAX}, {LOGIT_BIAS_MAX}]"))?;
        }
        if p.logit_bias.len() > LOGIT_BIAS_COUNT_MAX {
            return Err(SamplingParamsError::TooManyBiases { count: p.logit_bias.len() });
        }
        if let Some(count) = p.logprobs.filter(|&count| count > LOGPROBS_MAX) {
            return Err(SamplingParamsError::TooManyLogprobs { count });
        }
        Ok(Self { params, seen: HashMap::new(), draws: 0, adjusted: Vec::new() })
    }

    pub fn params(&self) -> &SamplingParams {
        &self.params
    }

    /// Tokens drawn so far: the i of the next draw.
    pub fn draws(&self) -> u64 {
        self.draws
    }

    /// Bytes of memory beside the sampler itself, with room for the hash table's own growth.
    pub fn memory_bytes(&self) -> u64 {
        self.bytes_of(self.seen.capacity(), self.adjusted.capacity())
    }

    /// The most that [`Self::memory_bytes`] can be after `tokens` more tokens are accepted or drawn, from rows of
    /// `row_len` logits.
    pub fn memory_bytes_after(&self, tokens: usize, row_len: usize) -> u64 {
        if !self.penalises() && self.params.logit_bias.is_empty() {
            return self.memory_bytes();
        }
        // A table that is full doubles.
        let seen = self.seen.len().saturating_add(tokens).saturating_mul(2).max(self.seen.capacity()).max(4);
        self.bytes_of(seen, self.adjusted.capacity().max(row_len))
    }

    fn bytes_of(&self, seen_capacity: usize, adjusted_capacity: usize) -> u64 {
        let bytes = |count: usize, each: u64| (count as u64).saturating_mul(each);
        bytes(seen_capacity, SEEN_ENTRY_BYTES)
            .saturating_add(bytes(adjusted_capacity, 4))
            .saturating_add(bytes(self.params.logit_bias.capacity(), 8))
    }

    /// Tells of tokens that came before, such as the prompt's. They count for the repetition penalty only;
    /// presence and frequency penalties look at drawn tokens. Drawn tokens need not be told.
    pub fn accept(&mut self, tokens: &[u32]) {
        if self.params.repetition_penalty != 1.0 {
            for &token in tokens {
                self.seen.entry(token).or_insert(0);
            }
        }
    }

    /// Draws the next token from one row of logits, and remembers it.
    ///
    /// # Errors
    /// See [`SampleError`]. Nothing is drawn or remembered then.
    pub fn sample(&mut self, logits: &[f32]) -> Result<Sampled, SampleError> {
        let token = match self.params.temperature == 0.0 {
            true => {
                self.adjust(logits)?;
                largest(self.row(logits))?.0
            }
            false => pick(&self.distribution(logits)?, uniform(self.params.seed, self.draws)),
        };
        let (logprob, top) = match self.params.logprobs {
            Some(count) => log_probabilities(logits, token, count as usize)?,
            None => (None, Vec::new()),
        };
        self.draws += 1;
        if self.penalises() {
            *self.seen.entry(token).or_insert(0) += 1;
        }
        Ok(Sampled { token, logprob, top })
    }

    /// What the next draw is made from: the surviving tokens in ascending id, with their probabilities,
    /// which sum to 1. At temperature 0, the one token with probability 1.
    ///
    /// # Errors
    /// See [`SampleError`].
    pub fn distribution(&mut self, logits: &[f32]) -> Result<Vec<(u32, f32)>, SampleError> {
        self.adjust(logits)?;
        let row = self.row(logits);
        let (best, best_logit) = largest(row)?;
        if self.params.temperature == 0.0 {
            return Ok(vec![(best, 1.0)]);
        }
        Ok(self.survivors(row, best_logit))
    }

    fn penalises(&self) -> bool {
        let p = &self.params;
        p.repetition_penalty != 1.0 || p.presence_penalty != 0.0 || p.frequency_penalty != 0.0
    }

    /// The row that `adjust` prepared, or the caller's own where nothing needed changing.
    fn row<'a>(&'a self, logits: &'a [f32]) -> &'a [f32] {
        if self.adjusted.is_empty() { logits } else { &self.adjusted }
    }

    /// Bias and penalties, into `adjusted`; which stays empty if there are none.
    fn adjust(&mut self, logits: &[f32]) -> Result<(), SampleError> {
        self.adjusted.clear();
        if self.params.logit_bias.is_empty() && self.seen.is_empty() {
            return Ok(());
        }
        self.adjusted.extend_from_slice(logits);
        let row = &mut self.adjusted;
        for (at, &(token, bias)) in self.params.logit_bias.iter().enumerate() {
            let slot =
                row.get_mut(token as usize).ok_or(SampleError::BiasOutOfVocabulary { token, vocab: logits.len() })?;
            let overruled = self.params.logit_bias[at + 1..].iter().any(|later| later.0 == token);
            if !overruled {
                *slot += bias;
            }
        }
        for (&token, &drawn) in &self.seen {
            // A token outside the vocabulary has no logit to punish.
            let Some(logit) = row.get_mut(token as usize) else { continue };
            *logit = if *logit > 0.0 {
                *logit / self.params.repetition_penalty
            } else {
                *logit * self.params.repetition_penalty
            };
            if drawn > 0 {
                *logit -= self.params.presence_penalty + self.params.frequency_penalty * drawn as f32;
            }
        }
        Ok(())
    }

    /// Temperature, top_k, top_p and min_p over a row whose largest logit is given.
    fn survivors(&self, row: &[f32], best: f32) -> Vec<(u32, f32)> {
        let p = &self.params;
        let weight = |logit: f32| exp((logit - best) / p.temperature);
        // Candidates and the total weight among which top_p counts.
        let (mut kept, total) = if p.top_k > 0 && (p.top_k as usize) < row.len() {
            let kept: Vec<_> =
                top(row, p.top_k as usize).into_iter().map(|(token, logit)| (token, weight(logit))).collect();
            let total = kept.iter().map(|&(_, weight)| f64::from(weight)).sum();
            (kept, total)
        } else if p.top_p < 1.0 {
            nucleus(row, p.top_p, weight)
        } else {
            let floor = p.min_p.max(f32::MIN_POSITIVE);
            let kept: Vec<_> =
                (0..).zip(row).map(|(token, &logit)| (token, weight(logit))).filter(|kept| kept.1 >= floor).collect();
            (kept, 0.0)
        };
        if p.top_p < 1.0 {
            kept.sort_unstable_by(likelier);
            let wanted = f64::from(p.top_p) * total;
            let mut reached = 0.0;
            let needed = kept.iter().take_while(|kept| {
                let more = reached < wanted;
                reached += f64::from(kept.1);
                more
            });
            kept.truncate(needed.count().max(1));
        }
        // The likeliest token's weight is 1 exactly.
        kept.retain(|kept| kept.1 >= p.min_p);
        kept.sort_unstable_by_key(|kept| kept.0);
        let sum: f64 = kept.iter().map(|kept| f64::from(kept.1)).sum();
        for kept in &mut kept {
            kept.1 = (f64::from(kept.1) / sum) as f32;
        }
        kept
    }
}

/// The uniform number in [0, 1) for draw `index` under `seed`; the file's head gives the formula.
pub fn uniform(seed: u64, index: u64) -> f64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let step = index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mix(mix(seed).wrapping_add(step)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The first token whose cumulated probability exceeds `u` of the total. The distribution is not empty.
fn pick(distribution: &[(u32, f32)], u: f64) -> u32 {
    let total: f64 = distribution.iter().map(|entry| f64::from(entry.1)).sum();
    let mut reached = 0.0;
    let found = distribution.iter().find(|entry| {
        reached += f64::from(entry.1);
        reached > u * total
    });
    // Rounding can leave the sum a hair below u times the total: then it is the last token's.
    found.or(distribution.last()).map_or(0, |entry| entry.0)
}

/// The largest logit and the lowest id that has it; refuses rows with NaN or +inf, or nothing above -inf.
fn largest(row: &[f32]) -> Result<(u32, f32), SampleError> {
    const LANES: usize = 16;
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut broken = [false; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    let padded = std::array::from_fn(|lane| rest.get(lane).copied().unwrap_or(f32::NEG_INFINITY));
    for chunk in chunks.iter().chain([&padded]) {
        for lane in 0..LANES {
            best[lane] = if chunk[lane] > best[lane] { chunk[lane] } else { best[lane] };
            broken[lane] |= chunk[lane].is_nan();
        }
    }
    let best = best.into_iter().fold(f32::NEG_INFINITY, f32::max);
    if best == f32::INFINITY || broken.contains(&true) {
        let found = (0..).zip(row).find(|(_, logit)| logit.is_nan() || **logit == f32::INFINITY);
        let (token, &value) = found.unwrap_or((0, &best));
        return Err(SampleError::NotFinite { token, value });
    }
    match row.iter().position(|&logit| logit == best && best > f32::NEG_INFINITY) {
        Some(at) => Ok((at as u32, best)),
        None => Err(SampleError::NothingLeft { vocab: row.len() }),
    }
}

/// Likelier first, ties by id.
fn likelier(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}

/// The `count` largest finite entries, in no particular order, ties to the lower id. `count` > 0.
///
/// One pass with a bar that rises: whatever does not exceed the count-th best so far is out at once.
fn top(row: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(2 * count.min(row.len()));
    let mut bar = f32::NEG_INFINITY;
    for (token, &logit) in (0..).zip(row) {
        if logit > bar {
            kept.push((token, logit));
            if kept.len() >= 2 * count {
                kept.select_nth_unstable_by(count - 1, likelier);
                kept.truncate(count);
                bar = kept[count - 1].1;
            }
        }
    }
    if kept.len() > count {
        kept.select_nth_unstable_by(count - 1, likelier);
        kept.truncate(count);
    }
    kept
}

/// Enough of the likeliest tokens to reach `top_p` of the whole row's weight, and that whole weight.
/// Most rows put nearly everything on a few tokens, so the search starts near the top and widens.
fn nucleus(row: &[f32], top_p: f32, weight: impl Fn(f32) -> f32) -> (Vec<(u32, f32)>, f64) {
    const WIDEN: f32 = 1e-3;
    let weights: Vec<f32> = row.iter().map(|&logit| weight(logit)).collect();
    let total = sum(&weights);
    let mut floor = WIDEN;
    loop {
        let kept: Vec<_> = (0..).zip(weights.iter().copied()).filter(|entry| entry.1 >= floor).collect();
        let reached: f64 = kept.iter().map(|entry| f64::from(entry.1)).sum();
        if reached >= f64::from(top_p) * total || floor <= f32::MIN_POSITIVE {
            return (kept, total);
        }
        floor = (floor * WIDEN).max(f32::MIN_POSITIVE);
    }
}

/// A drawn token's log-probability, and the likeliest tokens with theirs.
type LogProbabilities = (Option<f32>, Vec<(u32, f32)>);

/// Log-probability of `token` and of the `count` likeliest, under the log-softmax of the untouched row.
fn log_probabilities(row: &[f32], token: u32, count: usize) -> Result<LogProbabilities, SampleError> {
    let (_, best) = largest(row)?;
    let log_total = f64::from(best) + weight_of(row, best).ln();
    let logprob = |logit: f32| (f64::from(logit) - log_total) as f32;
    let mut likeliest = if count == 0 { Vec::new() } else { top(row, count) };
    likeliest.sort_unstable_by(likelier);
    let likeliest = likeliest.into_iter().map(|(token, logit)| (token, logprob(logit))).collect();
    Ok((row.get(token as usize).copied().map(logprob), likeliest))
}

/// The sum of `exp(logit - best)` over a row, in [`sum`]'s order and without memory of the row's size: every streamed
/// token has one.
fn weight_of(row: &[f32], best: f32) -> f64 {
    let (chunks, rest) = row.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for chunk in chunks {
        let weights = chunk.map(|logit| exp(logit - best));
        for lane in 0..8 {
            lanes[lane] += f64::from(weights[lane]);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&logit| f64::from(exp(logit - best))).sum::<f64>()
}

/// A sum in double precision over eight lanes, in one fixed order.
fn sum(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += f64::from(chunk[lane]);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value)).sum::<f64>()
}

/// e to the power `x`, for x <= 0, within 3e-7 of relative error; 0 below -87.
///
/// Branch-free, so that a loop over a row becomes vector code, and without the platform's libm, so that
/// it is the same number everywhere.
fn exp(x: f32) -> f32 {
    // Adding and subtracting 1.5 * 2^23 rounds to an integer and leaves that integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x > -87.0 { x } else { -87.0 };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let power = shifted - ROUND;
    // ln 2 in two parts, so that the remainder keeps its digits.
    let r = clamped - power * 0.693_359_4 + power * 2.121_944_4e-4;
    let series = 1.0
        + r * (1.0 + r * (0.5 + r * (1.666_666_5e-1 + r * (4.166_579_6e-2 + r * (8.333_452e-3 + r * 1.388_888_9e-3)))));
    let scaled = f32::from_bits(series.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x > -87.0 { scaled } else { 0.0 }
}
