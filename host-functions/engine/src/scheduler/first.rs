//! The prompt that a step finishes before all else, so that a short one waits no longer than its share of the work takes.
//!
//! Behind another tenant's load a prompt of `n` tokens should take no more than twice the time that it takes alone,
//! besides the step that runs when it comes. So while it is computed the others may be given `n` tokens in all, and the
//! step that finishes it is where that is decided: what the others were owed before it, and as much again as it takes
//! itself, is what they may have in that step. Without that bound a step is filled up with the others' prompts.

use super::JobId;
use super::fair::FairShare;
use crate::TenantKey;

/// What one tenant asks for.
#[derive(Clone, Debug)]
pub struct Demand {
    pub tenant: TenantKey,
    /// Tokens of its decoding sequences.
    pub decode_tokens: u32,
    /// Tokens of all its prompts.
    pub prompt_tokens: u32,
    /// The prompt that it asked for first, and how many of its tokens are to be computed yet.
    pub prompt: Option<(JobId, u32)>,
}

impl Demand {
    pub fn new(tenant: TenantKey) -> Self {
        Self { tenant, decode_tokens: 0, prompt_tokens: 0, prompt: None }
    }

    fn tokens(&self) -> u32 {
        self.decode_tokens.saturating_add(self.prompt_tokens)
    }

    /// Tokens that the tenant is served before one whose clock is at `clock`.
    fn owed_before(&self, shares: &FairShare, clock: u64) -> u32 {
        shares.tokens_until(self.tenant, clock).min(self.tokens())
    }
}

/// The prompt that comes first, and what else the step may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    pub tenant: TenantKey,
    pub job: JobId,
    /// Tokens of the prompt, all that remain.
    pub tokens: u32,
    /// Tokens that all other jobs may have in the same step.
    pub others_max: u32,
}

/// Chooses among the tenants' demands, in fair order, the first whose prompt a step with `chunk` tokens of prompts can
/// finish after what others are owed. A tenant that asks for more than all others together is not chosen: its prompts'
/// ends are no reason to make steps small.
pub fn first(demands: &[Demand], shares: &FairShare, chunk: u32) -> Option<First> {
    if demands.len() < 2 {
        return None;
    }
    let all = demands.iter().fold(0u32, |sum, demand| sum.saturating_add(demand.tokens()));
    let choices = demands.iter().filter_map(|demand| {
        let (job, tokens) = demand.prompt?;
        let clock = shares.clock(demand.tenant);
        let (mut owed, mut owed_to_prompts) = (0u32, 0u32);
        for other in demands.iter().filter(|other| other.tenant != demand.tenant) {
            let before = other.owed_before(shares, clock);
            owed = owed.saturating_add(before);
            owed_to_prompts = owed_to_prompts.saturating_add(before.saturating_sub(other.decode_tokens));
        }
        let fits = owed_to_prompts.saturating_add(tokens) <= chunk;
        let modest = demand.tokens() <= all - demand.tokens();
        let first = First { tenant: demand.tenant, job, tokens, others_max: owed.saturating_add(tokens) };
        (fits && modest).then_some((clock, demand.tokens(), first))
    });
    choices.min_by_key(|&(clock, wanted, first)| (clock, wanted, first.job)).map(|(_, _, first)| first)
}
