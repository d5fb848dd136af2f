//! The decode loop: what turns a prompt's tokens into an answer, token by token, in the sandbox.
//!
//! ```text
//!   prompt tokens ─► forward pass ─► sample_token ─► end? ─► detokenize ─► stop text? ─► emit
//!                         ▲                                                               │
//!                         └─────────────────────── the token ◄────────────────────────────┘
//! ```

use crate::{
    apis::Runtime,
    options::Plan,
    speculation::Passes,
    stop::{Seen, StopMatcher},
};
use alloc::{string::String, vec::Vec};
use realm_primitives::{
    CallContext, F32, FinishReason, GenerateOptions, GenerateResult, NanoUsd, Receipt, RuntimeError, TokenEvent,
    TokenLogprob,
    host::{
        HostError,
        context::call_context,
        inference::{self, Detokenizer, Sampler},
        stream,
    },
};

/// Whether a generation sends its text while it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streaming {
    /// Only the result is wanted.
    No,
    /// If the call has a subscriber.
    IfRead,
}

/// Where an answer begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// In the middle of a text: a blank before its first word belongs to it.
    GoingOn,
    /// As a text of its own.
    Anew,
}

/// An answer, before it is told as the one or the other result type.
pub(crate) struct Generation {
    pub text: String,
    pub tokens_generated: u32,
    pub prompt_tokens: u32,
    pub cached_tokens: u32,
    pub finish_reason: FinishReason,
    pub cost_usd: NanoUsd,
    pub seed: u64,
    pub receipt: Receipt,
    pub logprobs: Option<Vec<TokenLogprob>>,
}

/// Continues a prompt.
pub(crate) fn complete(
    prompt: &str,
    options: &GenerateOptions,
    streaming: Streaming,
) -> Result<GenerateResult, RuntimeError> {
    let context = call_context()?;
    // Options are checked before anything is computed for them.
    let plan = Plan::new(options, context.seed)?;
    let tokens = inference::tokenize(prompt).map_err(|error| plan.overflowed(error.into()))?;
    if tokens.is_empty() {
        return Err(RuntimeError::InvalidParams { field: "prompt".into(), message: "must not be empty".into() });
    }
    let made = generate(&tokens, plan, &context, streaming, Begins::GoingOn)?;
    Ok(GenerateResult {
        text: made.text,
        tokens_generated: made.tokens_generated,
        prompt_tokens: made.prompt_tokens,
        cached_tokens: made.cached_tokens,
        finish_reason: made.finish_reason,
        cost_usd: made.cost_usd,
        seed: made.seed,
        receipt: made.receipt,
        logprobs: made.logprobs,
    })
}

/// Continues a prompt's tokens; there must be at least one.
pub(crate) fn generate(
    prompt: &[u32],
    plan: Plan,
    context: &CallContext,
    streaming: Streaming,
    begins: Begins,
) -> Result<Generation, RuntimeError> {
    let facts = inference::model_info()?;
    let prompt_tokens = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    let budget = plan.budget(prompt_tokens, facts.context_length, context.max_tokens_limit)?;

    let seed = plan.sampling.seed;
    let streaming = streaming == Streaming::IfRead && context.streaming;
    let mut plan = plan;
    let asked = plan.sampling.logprobs.is_some();
    if streaming {
        // Every item carries its token's log-probability, also where no alternatives were asked for.
        plan.sampling.logprobs.get_or_insert(0);
    }
    let mut sampler = Sampler::open(&plan.sampling)?;
    sampler.accept(prompt)?;
    let (mut passes, cached_tokens) = Passes::open(prompt, plan.speculation)?;
    let before = prompt.last().filter(|_| begins == Begins::GoingOn);
    let mut answer = Answer::open(plan.stops, asked, streaming, before)?;

    let finish_reason = loop {
        let token = passes.sample(&mut sampler)?;
        if inference::is_end_token(token)? {
            answer.finish()?;
            break FinishReason::Stop;
        }
        if answer.push(token, &sampler)? {
            break FinishReason::Stop;
        }
        if answer.token_count == budget {
            answer.finish()?;
            break FinishReason::Length;
        }
        passes.advance(token, budget - answer.token_count)?;
    };

    Ok(Generation {
        cost_usd: context.prices.charge(
            u64::from(prompt_tokens) + u64::from(passes.guessed_tokens()),
            cached_tokens.into(),
            answer.token_count.into(),
        ),
        text: answer.text,
        tokens_generated: answer.token_count,
        prompt_tokens,
        cached_tokens,
        finish_reason,
        seed,
        receipt: Receipt {
            code_hash: context.code_hash,
            model_hash: facts.model_hash,
            spec_version: Runtime::SPEC_VERSION,
        },
        logprobs: answer.logprobs,
    })
}

/// The answer so far: tokens become text, text that is certain is sent.
struct Answer {
    detokenizer: Option<Detokenizer>,
    stops: Option<StopMatcher>,
    streaming: bool,
    text: String,
    token_count: u32,
    /// Some if the caller asked for them: one entry per token.
    logprobs: Option<Vec<TokenLogprob>>,
    /// Entries of `logprobs` that were already sent.
    logprobs_sent: usize,
    /// The last token's log-probability, if the answer is streamed.
    logprob: Option<F32>,
}

impl Answer {
    /// `before` is the token that the answer goes on from, if it is not a text of its own.
    fn open(stops: Vec<String>, logprobs: bool, streaming: bool, before: Option<&u32>) -> Result<Self, HostError> {
        let mut detokenizer = Detokenizer::open()?;
        if let Some(token) = before {
            // Its text is the prompt's; from here on a blank is no longer one at the beginning.
            detokenizer.push(*token)?;
        }
        Ok(Answer {
            detokenizer: Some(detokenizer),
            logprobs: logprobs.then(Vec::new),
            stops: Some(StopMatcher::new(stops)),
            streaming,
            text: String::new(),
            token_count: 0,
            logprobs_sent: 0,
            logprob: None,
        })
    }

    /// Takes the token just sampled; true if a stop text ended the answer.
    fn push(&mut self, token: u32, sampler: &Sampler) -> Result<bool, HostError> {
        self.token_count += 1;
        if self.streaming || self.logprobs.is_some() {
            let drawn = sampler.logprob()?;
            self.logprob = Some(drawn.logprob);
            if let Some(logprobs) = &mut self.logprobs {
                logprobs.push(drawn);
            }
        }
        let piece = match &mut self.detokenizer {
            Some(detokenizer) => detokenizer.push(token)?,
            None => String::new(),
        };
        self.say(&piece)
    }

    /// No token follows: what was held back is part of the answer, unless a stop text is in it.
    fn finish(&mut self) -> Result<(), HostError> {
        let rest = self.detokenizer.take().map_or(Ok(String::new()), Detokenizer::finish)?;
        if !self.say(&rest)? {
            let held = self.stops.take().map(StopMatcher::finish).unwrap_or_default();
            self.send(held)?;
        }
        Ok(())
    }

    fn say(&mut self, piece: &str) -> Result<bool, HostError> {
        match self.stops.as_mut().map(|stops| stops.push(piece)) {
            Some(Seen::Stop(text)) => {
                self.stops = None;
                self.send(text)?;
                Ok(true)
            }
            Some(Seen::Text(text)) => self.send(text).map(|()| false),
            None => Ok(true),
        }
    }

    fn send(&mut self, text: String) -> Result<(), HostError> {
        if text.is_empty() {
            return Ok(());
        }
        self.text.push_str(&text);
        if !self.streaming {
            return Ok(());
        }
        let logprobs = self.logprobs.as_ref().map(|all| all[self.logprobs_sent..].to_vec());
        self.logprobs_sent = self.logprobs.as_ref().map_or(0, Vec::len);
        stream::emit(&TokenEvent {
            token: text,
            index: self.token_count.saturating_sub(1),
            logprob: self.logprob,
            logprobs,
        })
    }
}
