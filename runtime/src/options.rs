//! Options of a generation: defaults filled in, bounds checked, the error naming the field.

use alloc::{format, string::String, vec::Vec};
use realm_primitives::{GenerateOptions, Milli, RuntimeError, SamplingParams, SignedMilli};

/// New tokens when the caller does not say.
pub(crate) const MAX_TOKENS_DEFAULT: u32 = 256;
/// Stop texts per call.
pub(crate) const STOPS_MAX: usize = 16;
/// Bytes of one stop text.
pub(crate) const STOP_BYTES_MAX: usize = 256;
/// Likeliest alternatives that are reported per token.
pub(crate) const LOGPROBS_MAX: u32 = 20;
/// Tokens that a forward pass may guess ahead.
pub(crate) const SPECULATION_MAX: u32 = 16;
/// Entries of a logit bias.
pub(crate) const LOGIT_BIAS_ENTRIES_MAX: usize = 1024;

const TEMPERATURE_DEFAULT: Milli = Milli(800);
const TEMPERATURE_MAX: Milli = Milli(2_000);
const TOP_K_DEFAULT: u32 = 40;
const TOP_P_DEFAULT: Milli = Milli(950);
const ONE: Milli = Milli(1_000);
const REPETITION_PENALTY_MAX: Milli = Milli(10_000);
const PENALTY_ABS_MAX: u32 = 2_000;
const BIAS_ABS_MAX: u32 = 100_000;

/// Options that can be used as they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    pub sampling: SamplingParams,
    pub stops: Vec<String>,
    /// As the caller gave it; [`Plan::budget`] fits it to the prompt.
    pub max_tokens: Option<u32>,
    /// Tokens that a forward pass may guess ahead.
    pub speculation: u32,
}

impl Plan {
    /// Checks every option. `seed` is used when the caller gave none.
    pub fn new(options: &GenerateOptions, seed: u64) -> Result<Self, RuntimeError> {
        if options.max_tokens == Some(0) {
            return Err(invalid("max_tokens", "must be at least 1"));
        }
        let sampling = SamplingParams {
            temperature: within(
                "temperature",
                options.temperature.unwrap_or(TEMPERATURE_DEFAULT),
                Milli(0),
                TEMPERATURE_MAX,
            )?,
            top_k: options.top_k.unwrap_or(TOP_K_DEFAULT),
            top_p: within("top_p", options.top_p.unwrap_or(TOP_P_DEFAULT), Milli(1), ONE)?,
            min_p: within("min_p", options.min_p.unwrap_or(Milli(0)), Milli(0), ONE)?,
            repetition_penalty: within(
                "repetition_penalty",
                options.repetition_penalty.unwrap_or(ONE),
                Milli(1),
                REPETITION_PENALTY_MAX,
            )?,
            presence_penalty: around_zero("presence_penalty", options.presence_penalty, PENALTY_ABS_MAX)?,
            frequency_penalty: around_zero("frequency_penalty", options.frequency_penalty, PENALTY_ABS_MAX)?,
            logit_bias: options.logit_bias.clone().unwrap_or_default(),
            seed: options.seed.unwrap_or(seed),
            logprobs: options.logprobs,
        };
        if sampling.logprobs.is_some_and(|alternatives| alternatives > LOGPROBS_MAX) {
            return Err(invalid("logprobs", &format!("must be at most {LOGPROBS_MAX}")));
        }
        if sampling.logit_bias.len() > LOGIT_BIAS_ENTRIES_MAX {
            return Err(invalid("logit_bias", &format!("must have at most {LOGIT_BIAS_ENTRIES_MAX} entries")));
        }
        for (index, entry) in sampling.logit_bias.iter().enumerate() {
            around_zero(&format!("logit_bias[{index}].bias"), Some(entry.bias), BIAS_ABS_MAX)?;
        }
        let speculation = options.speculation.unwrap_or(0);
        if speculation > SPECULATION_MAX {
            return Err(invalid("speculation", &format!("must be at most {SPECULATION_MAX}, not {speculation}")));
        }
        let stops = options.stop.clone().unwrap_or_default();
        if stops.len() > STOPS_MAX {
            return Err(invalid("stop", &format!("must have at most {STOPS_MAX} texts, not {}", stops.len())));
        }
        for (index, stop) in stops.iter().enumerate() {
            if stop.is_empty() || stop.len() > STOP_BYTES_MAX {
                let message = format!("must have 1 to {STOP_BYTES_MAX} bytes, not {}", stop.len());
                return Err(invalid(&format!("stop[{index}]"), &message));
            }
        }
        Ok(Plan { sampling, stops, max_tokens: options.max_tokens, speculation })
    }

    /// How many tokens may be generated after a prompt of `prompt_tokens`, at least 1.
    ///
    /// # Errors
    /// `ContextOverflow` if what was asked for does not fit; `InvalidParams` if it is more than the tenant may have.
    pub fn budget(&self, prompt_tokens: u32, context_length: u32, max_tokens_limit: u32) -> Result<u32, RuntimeError> {
        let room = context_length.saturating_sub(prompt_tokens);
        let overflow = |max_tokens| RuntimeError::ContextOverflow { prompt_tokens, max_tokens, context_length };
        match self.max_tokens {
            Some(asked) if asked > max_tokens_limit => {
                Err(invalid("max_tokens", &format!("must be at most {max_tokens_limit} for this tenant, not {asked}")))
            }
            Some(asked) if asked > room => Err(overflow(asked)),
            Some(asked) => Ok(asked),
            None if room == 0 => Err(overflow(1)),
            None => Ok(room.min(MAX_TOKENS_DEFAULT).min(max_tokens_limit)),
        }
    }

    /// Adds what was asked for to the error of a prompt that the host refused before it was tokenised.
    pub fn overflowed(&self, error: RuntimeError) -> RuntimeError {
        match error {
            RuntimeError::ContextOverflow { prompt_tokens, context_length, .. } => RuntimeError::ContextOverflow {
                prompt_tokens,
                max_tokens: self.max_tokens.unwrap_or(1),
                context_length,
            },
            error => error,
        }
    }
}

fn invalid(field: &str, message: &str) -> RuntimeError {
    RuntimeError::InvalidParams { field: format!("options.{field}"), message: message.into() }
}

fn within(field: &str, value: Milli, low: Milli, high: Milli) -> Result<Milli, RuntimeError> {
    if value < low || value > high {
        let message = format!("must be from {} to {}, not {}", low.get(), high.get(), value.get());
        return Err(invalid(field, &message));
    }
    Ok(value)
}

fn around_zero(field: &str, value: Option<SignedMilli>, abs_max: u32) -> Result<SignedMilli, RuntimeError> {
    let value = value.unwrap_or(SignedMilli(0));
    if value.0.unsigned_abs() > abs_max {
        let bound = abs_max as f32 / 1000.0;
        return Err(invalid(field, &format!("must be from -{bound} to {bound}, not {}", value.get())));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_bounds_options_are_named() {
        let check = |options: GenerateOptions, expected: &str| {
            let error = Plan::new(&options, 7).expect_err(expected);
            let text = std::string::ToString::to_string(&error);
            assert!(text.starts_with(expected), "{text:?} does not start with {expected:?}");
        };
        let base = GenerateOptions::default;
        check(
            GenerateOptions { temperature: Some(Milli(2_001)), ..base() },
            "options.temperature: must be from 0 to 2",
        );
        check(GenerateOptions { top_p: Some(Milli(0)), ..base() }, "options.top_p: must be from 0.001 to 1, not 0");
        check(GenerateOptions { min_p: Some(Milli(1_001)), ..base() }, "options.min_p");
        check(GenerateOptions { repetition_penalty: Some(Milli(0)), ..base() }, "options.repetition_penalty");
        check(
            GenerateOptions { presence_penalty: Some(SignedMilli(-2_001)), ..base() },
            "options.presence_penalty: must be from -2 to 2",
        );
        check(
            GenerateOptions { frequency_penalty: Some(SignedMilli(i32::MIN)), ..base() },
            "options.frequency_penalty",
        );
        check(GenerateOptions { max_tokens: Some(0), ..base() }, "options.max_tokens: must be at least 1");
        check(GenerateOptions { logprobs: Some(21), ..base() }, "options.logprobs");
        check(GenerateOptions { speculation: Some(17), ..base() }, "options.speculation: must be at most 16, not 17");
        check(
            GenerateOptions { stop: Some(vec!["a".into(), String::new()]), ..base() },
            "options.stop[1]: must have 1 to 256 bytes",
        );
        check(GenerateOptions { stop: Some(vec!["a".into(); 17]), ..base() }, "options.stop: must have at most 16");
    }

    #[test]
    fn the_budget_fits_prompt_and_context() {
        let check = |asked, prompt, context, limit, expected: Result<u32, &str>| {
            let plan = Plan::new(&GenerateOptions { max_tokens: asked, ..GenerateOptions::default() }, 0).unwrap();
            let got = plan.budget(prompt, context, limit).map_err(|error| std::string::ToString::to_string(&error));
            match (got, expected) {
                (Ok(got), Ok(expected)) => assert_eq!(got, expected),
                (Err(got), Err(expected)) => assert!(got.contains(expected), "{got}"),
                (got, expected) => panic!("{got:?} is not {expected:?}"),
            }
        };
        check(None, 10, 100, 1_000, Ok(90));
        check(None, 10, 10_000, 1_000, Ok(MAX_TOKENS_DEFAULT));
        check(None, 10, 10_000, 5, Ok(5));
        check(Some(90), 10, 100, 1_000, Ok(90));
        check(Some(91), 10, 100, 1_000, Err("10 tokens and 91 new ones do not fit in the context of 100"));
        check(None, 100, 100, 1_000, Err("100 tokens and 1 new ones"));
        check(Some(6), 10, 100, 5, Err("at most 5 for this tenant"));
    }
}
