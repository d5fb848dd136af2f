//! The scheduler's state, and the events that change it.

use std::collections::{BTreeMap, HashMap};

use super::fair::{FairQueue, FairShare};
use super::first::{Demand, First, first};
use super::plan::{Output, Part, Plan};
use super::room::{Claim, make_room};
use super::sequence::Sequence;
use super::{JobId, SequenceId};
use crate::TenantKey;
use crate::cache::{BLOCK_LEN, BlockPool, PrefixIndex, Shortage, blocks_for};

/// A job of at most this many tokens is served with the decoding sequences, before any chunk of a prompt. Wide enough
/// for a few speculated tokens.
const DECODE_TOKENS_MAX: u32 = 8;

/// A step of this many tokens costs hardly more than one of a single token, because the weights are read once for all:
/// no step is cut below it for the sake of another tenant's first token.
pub(super) const STEP_TOKENS_MIN: u32 = 16;

/// The scheduler's bounds. All are at least 1.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sequences open at once.
    pub sequences_max: usize,
    /// Jobs that wait for their first blocks.
    pub queue_len_max: usize,
    /// Tokens in a step.
    pub batch_tokens_max: u32,
    /// Tokens of prompts in a step.
    pub prefill_chunk_tokens: u32,
    /// Tokens in a sequence.
    pub context_length: u32,
    /// Whether finished blocks are kept for later sequences.
    pub prefix_cache: bool,
}

/// What one tenant may take of a model's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantBounds {
    /// Its share of the tokens, relative to the other tenants'.
    pub weight: u32,
    /// Sequences it may have open.
    pub sequences_max: usize,
    /// Blocks it may hold.
    pub blocks_max: u32,
}

/// Why a request was not taken. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// As many are open or waiting as there may be; the newcomer would have been number `position`.
    Overloaded { position: usize },
    /// The sequence would be longer than the context.
    ContextOverflow { len: u32, new_tokens: usize, context_length: u32 },
    /// The sequence would take more blocks than the tenant or the node has, were it alone.
    CacheTooSmall { blocks_needed: u32, blocks_max: u32 },
    /// No tokens were given.
    NothingToDo,
    /// The sequence is not open, or has a job already.
    NotReady,
}

#[derive(Debug)]
struct Job {
    sequence: SequenceId,
    output: Output,
    /// Outputs of positions below this one were delivered, or are not wanted.
    output_from: u32,
    /// Positions below this one were computed at some time, by this job or before it.
    new_from: u32,
}

/// State + events -> plan.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    pub(super) pool: BlockPool,
    pub(super) prefixes: PrefixIndex,
    pub(super) sequences: HashMap<SequenceId, Sequence>,
    /// In the order in which they were asked for.
    jobs: BTreeMap<JobId, Job>,
    shares: FairShare,
    /// Open sequences of each tenant.
    tenants: HashMap<TenantKey, usize>,
    /// Of the tenants that were given some.
    bounds: HashMap<TenantKey, TenantBounds>,
    ids: u64,
    step: u64,
}

impl Scheduler {
    pub fn new(limits: Limits, pool: BlockPool) -> Self {
        Self {
            limits,
            pool,
            prefixes: PrefixIndex::default(),
            sequences: HashMap::new(),
            jobs: BTreeMap::new(),
            shares: FairShare::default(),
            tenants: HashMap::new(),
            bounds: HashMap::new(),
            ids: 0,
            step: 0,
        }
    }

    /// What a tenant may take from now on. What it holds beyond that stays until it is given back, and a job that was
    /// taken is still done.
    pub fn set_bounds(&mut self, tenant: TenantKey, bounds: TenantBounds) {
        self.bounds.insert(tenant, bounds);
        self.shares.set_weight(tenant, bounds.weight);
        self.apply_blocks_max(tenant);
    }

    /// The tenant is bounded by what the node has, and has the default weight.
    pub fn forget_bounds(&mut self, tenant: TenantKey) {
        self.bounds.remove(&tenant);
        self.shares.forget_weight(tenant);
        self.pool.set_blocks_max_of(tenant, None);
    }

    /// A bound must let every job finish that was taken before it was set.
    fn apply_blocks_max(&mut self, tenant: TenantKey) {
        let Some(bounds) = self.bounds.get(&tenant) else { return };
        let with_jobs = self.sequences.values().filter(|s| s.owner == tenant && s.job.is_some());
        let promised = with_jobs.map(|s| blocks_for(s.tokens.len() as u32)).max().unwrap_or(0);
        self.pool.set_blocks_max_of(tenant, Some(bounds.blocks_max.max(promised)));
    }

    pub fn pool(&self) -> &BlockPool {
        &self.pool
    }

    /// Blocks that are kept for later sequences.
    pub fn prefix_blocks(&self) -> usize {
        self.prefixes.len()
    }

    pub fn open_sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Tenants with open sequences.
    pub fn tenant_count(&self) -> usize {
        self.tenants.len()
    }

    /// Jobs that are not finished.
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Jobs whose sequences have no blocks yet.
    pub fn queued(&self) -> usize {
        let waits = |job: &&Job| self.sequences.get(&job.sequence).is_some_and(|s| s.admitted.is_none());
        self.jobs.values().filter(waits).count()
    }

    /// Tokens that all jobs together still want computed.
    pub fn tokens_wanted(&self) -> u64 {
        let sequences = self.jobs.values().filter_map(|job| self.sequences.get(&job.sequence));
        sequences.map(|sequence| u64::from(sequence.remaining())).sum()
    }

    pub fn is_open(&self, id: SequenceId) -> bool {
        self.sequences.contains_key(&id)
    }

    /// Tokens of a sequence, without those of a job that runs.
    pub fn len(&self, id: SequenceId) -> u32 {
        self.sequences.get(&id).map_or(0, |s| s.accepted)
    }

    /// Opens a sequence that begins with as much of `prefix` as is computed already: whole blocks, and never all of
    /// it, so that its last token is always the caller's to compute. [`Scheduler::len`] says how much that was.
    ///
    /// # Errors
    /// [`Refused::Overloaded`].
    pub fn open(&mut self, owner: TenantKey, prefix: &[u32]) -> Result<SequenceId, Refused> {
        let id = self.admit_sequence(owner)?;
        let mut sequence = Sequence::new(owner);
        let usable = prefix.split_last().map_or(&[][..], |(_, head)| head);
        let usable = &usable[..usable.len().min(self.limits.context_length as usize)];
        for (entry, block) in self.prefixes.find(&mut self.pool, owner, usable) {
            sequence.table.push(block);
            sequence.indexed.push(entry);
        }
        sequence.computed = sequence.indexed.len() as u32 * BLOCK_LEN;
        sequence.accepted = sequence.computed;
        sequence.tokens.extend_from_slice(&usable[..sequence.computed as usize]);
        sequence.last_step = self.step;
        if sequence.computed > 0 {
            sequence.admitted = Some(id.0);
        }
        self.sequences.insert(id, sequence);
        Ok(id)
    }

    /// A second sequence with the same tokens, sharing what is computed.
    ///
    /// # Errors
    /// [`Refused::Overloaded`], or [`Refused::NotReady`] for a sequence that is not open.
    pub fn fork(&mut self, of: SequenceId) -> Result<SequenceId, Refused> {
        let owner = self.sequences.get(&of).ok_or(Refused::NotReady)?.owner;
        let id = self.admit_sequence(owner)?;
        let Some(parent) = self.sequences.get(&of) else { return Err(Refused::NotReady) };
        let mut sequence = Sequence::new(owner);
        sequence.tokens.extend_from_slice(&parent.tokens[..parent.accepted as usize]);
        sequence.accepted = parent.accepted;
        sequence.computed = parent.computed.min(parent.accepted);
        sequence.table = parent.table.fork(&mut self.pool, sequence.computed);
        let full_blocks = (sequence.computed / BLOCK_LEN) as usize;
        sequence.indexed.extend(parent.indexed.iter().take(full_blocks));
        sequence.last_step = self.step;
        sequence.admitted = (sequence.computed > 0).then_some(id.0);
        self.sequences.insert(id, sequence);
        Ok(id)
    }

    /// Cuts a sequence to its first `len` tokens. A job that runs is cancelled.
    pub fn truncate(&mut self, id: SequenceId, len: u32) {
        if let Some(job) = self.sequences.get(&id).and_then(|s| s.job) {
            self.cancel(job);
        }
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.cut(&mut self.pool, len);
        }
    }

    /// Closes a sequence, with its job if it has one, and frees what it held.
    pub fn close(&mut self, id: SequenceId) {
        let Some(mut sequence) = self.sequences.remove(&id) else { return };
        if let Some(job) = sequence.job {
            self.jobs.remove(&job);
        }
        sequence.table.clear(&mut self.pool);
        if let Some(open) = self.tenants.get_mut(&sequence.owner) {
            *open -= 1;
            if *open == 0 {
                self.tenants.remove(&sequence.owner);
                self.shares.leave(sequence.owner, |tenant| self.tenants.contains_key(tenant));
                self.apply_blocks_max(sequence.owner);
            }
        }
    }

    /// Asks for `tokens` to be appended to a sequence and computed.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn submit(&mut self, id: SequenceId, tokens: &[u32], output: Output) -> Result<JobId, Refused> {
        let newcomer = self.sequences.get(&id).is_some_and(|s| s.admitted.is_none());
        let queued = if newcomer { self.queued() } else { 0 };
        let sequence = self.sequences.get_mut(&id).filter(|s| s.job.is_none()).ok_or(Refused::NotReady)?;
        if tokens.is_empty() {
            return Err(Refused::NothingToDo);
        }
        let (owner, len, context_length) = (sequence.owner, sequence.accepted, self.limits.context_length);
        let target = u32::try_from(tokens.len()).ok().and_then(|new| len.checked_add(new));
        let Some(target) = target.filter(|&target| target <= context_length) else {
            return Err(Refused::ContextOverflow { len, new_tokens: tokens.len(), context_length });
        };
        let (blocks_needed, blocks_max) = (blocks_for(target), self.pool.blocks_max_of(owner));
        if blocks_needed > blocks_max {
            return Err(Refused::CacheTooSmall { blocks_needed, blocks_max });
        }
        if newcomer && queued >= self.limits.queue_len_max {
            return Err(Refused::Overloaded { position: queued + 1 });
        }
        self.ids += 1;
        let job = JobId(self.ids);
        sequence.tokens.extend_from_slice(tokens);
        sequence.job = Some(job);
        let output_from = if output == Output::LastLogits { target - 1 } else { len };
        self.jobs.insert(job, Job { sequence: id, output, output_from, new_from: len });
        let waits = |s: &Sequence| s.owner == owner && s.job.is_some_and(|other| other != job);
        self.shares.join(owner, || !self.sequences.values().any(waits));
        Ok(job)
    }

    /// Takes a job back; its sequence is as it was before. Nothing happens if the job is finished.
    pub fn cancel(&mut self, job: JobId) {
        let Some(job) = self.jobs.remove(&job) else { return };
        if let Some(sequence) = self.sequences.get_mut(&job.sequence) {
            sequence.job = None;
            sequence.cut(&mut self.pool, sequence.accepted);
        }
    }

    /// Fills `plan` with the next step. It stays empty only if there is no job. Between a plan and its commit no
    /// other plan is made; all other events may happen.
    pub fn plan(&mut self, plan: &mut Plan) {
        plan.clear();
        if self.jobs.is_empty() {
            return;
        }
        self.step += 1;
        let mut left = self.limits.batch_tokens_max;
        let mut chunk = self.limits.prefill_chunk_tokens.min(left);
        if let Some(first) = self.plan_first(plan, chunk) {
            left = first.others_max.max(STEP_TOKENS_MIN.saturating_sub(first.tokens)).min(left - first.tokens);
            chunk -= first.tokens;
        }
        left -= self.plan_phase(plan, left, Phase::Decoding);
        self.plan_phase(plan, chunk.min(left), Phase::Prompts);
        if plan.parts.is_empty() {
            self.plan_one_at_any_cost(plan);
        }
    }

    /// Takes a plan's results: its sequences have their tokens computed. Calls `finished` for every job that is done.
    pub fn commit(&mut self, plan: &Plan, mut finished: impl FnMut(JobId)) {
        for part in &plan.parts {
            let Some(job) = self.jobs.get_mut(&part.job) else { continue };
            let Some(sequence) = self.sequences.get_mut(&part.sequence) else { continue };
            sequence.computed = part.end();
            job.output_from = job.output_from.max(part.end());
            job.new_from = job.new_from.max(part.end());
            if self.limits.prefix_cache {
                sequence.index_full_blocks(&mut self.pool, &mut self.prefixes);
            }
            if sequence.remaining() == 0 {
                sequence.accepted = sequence.computed;
                sequence.job = None;
                self.jobs.remove(&part.job);
                finished(part.job);
            }
        }
    }

    fn admit_sequence(&mut self, owner: TenantKey) -> Result<SequenceId, Refused> {
        let own = self.tenants.get(&owner).copied().unwrap_or(0);
        let own_max = self.bounds.get(&owner).map_or(usize::MAX, |bounds| bounds.sequences_max);
        for (open, open_max) in [(own, own_max), (self.sequences.len(), self.limits.sequences_max)] {
            if open >= open_max {
                return Err(Refused::Overloaded { position: open + 1 });
            }
        }
        *self.tenants.entry(owner).or_insert(0) += 1;
        self.ids += 1;
        Ok(SequenceId(self.ids))
    }

    fn phase(&self, sequence: &Sequence) -> Phase {
        let short = sequence.remaining().max(sequence.asked()) <= DECODE_TOKENS_MAX;
        match sequence.admitted.is_some() && short {
            true => Phase::Decoding,
            false => Phase::Prompts,
        }
    }

    /// What the tenants ask for.
    fn demands(&self) -> Vec<Demand> {
        let mut demands: Vec<Demand> = Vec::new();
        let mut index = HashMap::new();
        for (&id, job) in &self.jobs {
            let Some(sequence) = self.sequences.get(&job.sequence) else { continue };
            let at = *index.entry(sequence.owner).or_insert_with(|| {
                demands.push(Demand::new(sequence.owner));
                demands.len() - 1
            });
            let (demand, tokens) = (&mut demands[at], sequence.remaining());
            match self.phase(sequence) {
                Phase::Decoding => demand.decode_tokens = demand.decode_tokens.saturating_add(tokens),
                Phase::Prompts => {
                    demand.prompt.get_or_insert((id, tokens));
                    demand.prompt_tokens = demand.prompt_tokens.saturating_add(tokens);
                }
            }
        }
        demands
    }

    /// Plans the prompt that this step finishes before all else, if there is one and room for it.
    fn plan_first(&mut self, plan: &mut Plan, chunk: u32) -> Option<First> {
        let first = first(&self.demands(), &self.shares, chunk)?;
        self.plan_part(plan, first.job, first.tokens, Claim::ByRight).ok()?;
        self.shares.charge(first.tenant, first.tokens);
        Some(first)
    }

    /// Plans the jobs of a phase that have no part yet, up to `budget` tokens. Gives the tokens planned.
    fn plan_phase(&mut self, plan: &mut Plan, budget: u32, phase: Phase) -> u32 {
        let jobs = self.jobs.iter().filter_map(|(&id, job)| {
            let sequence = self.sequences.get(&job.sequence)?;
            let belongs = sequence.last_step < self.step && self.phase(sequence) == phase;
            belongs.then(|| (sequence.owner, id, sequence.remaining()))
        });
        let mut queue = FairQueue::new(jobs);
        let mut planned = 0;
        let mut line = Line::default();
        while planned < budget
            && let Some((tenant, job)) = queue.peek(&self.shares)
        {
            let newcomer = !self.is_admitted(job);
            let mut tokens = 0;
            let empty_handed = self.pool.held_by(tenant) == 0;
            let tokens_max = match phase {
                Phase::Decoding => budget - planned,
                Phase::Prompts => queue.tokens_max(&self.shares, tenant).min(budget - planned),
            };
            if !(newcomer && line.is_closed(tenant, empty_handed)) {
                match self.plan_part(plan, job, tokens_max, Claim::ByRight) {
                    Ok(taken) => tokens = taken,
                    Err(shortage) if newcomer => line.close(tenant, shortage),
                    Err(_) => {}
                }
            }
            planned += tokens;
            queue.serve(&mut self.shares, tenant, tokens);
        }
        planned
    }

    /// Nothing could be planned by right, so everything that is held stands still: the job that was asked for first
    /// takes what it needs, and goes on. It fits, because `submit` took it; but blocks that it shares with the prefix
    /// index can stand in its own way, and then it starts anew.
    fn plan_one_at_any_cost(&mut self, plan: &mut Plan) {
        let Some((&id, job)) = self.jobs.first_key_value() else { return };
        let sequence = job.sequence;
        let budget = self.limits.prefill_chunk_tokens.min(self.limits.batch_tokens_max);
        if self.plan_part(plan, id, budget, Claim::AtAnyCost).is_ok() {
            return;
        }
        if let Some(sequence) = self.sequences.get_mut(&sequence) {
            sequence.evict(&mut self.pool);
        }
        let planned = self.plan_part(plan, id, budget, Claim::AtAnyCost);
        debug_assert!(planned.is_ok(), "a job that was taken fits when it is alone");
    }

    fn is_admitted(&self, job: JobId) -> bool {
        let sequence = self.jobs.get(&job).and_then(|job| self.sequences.get(&job.sequence));
        sequence.is_some_and(|s| s.admitted.is_some())
    }

    /// Plans up to `budget` tokens of a job, and gives their number.
    fn plan_part(&mut self, plan: &mut Plan, id: JobId, budget: u32, claim: Claim) -> Result<u32, Shortage> {
        let Some(job) = self.jobs.get(&id) else { return Ok(0) };
        let Some(sequence) = self.sequences.get(&job.sequence) else { return Ok(0) };
        let (sequence_id, owner, start) = (job.sequence, sequence.owner, sequence.computed);
        let end = start + sequence.remaining().min(budget);
        // A sequence that is being let in must have room for all it asks for, lest many start and none can finish.
        let wanted = if sequence.admitted.is_some() { end } else { sequence.tokens.len() as u32 };
        let shortfall = sequence.table.shortfall(&self.pool, start, wanted);
        make_room(self, sequence_id, shortfall, claim)?;

        let Some(job) = self.jobs.get(&id) else { return Ok(0) };
        let Some(sequence) = self.sequences.get_mut(&sequence_id) else { return Ok(0) };
        plan.copies.extend(sequence.table.prepare(&mut self.pool, owner, start, end)?);
        sequence.last_step = self.step;
        sequence.admitted.get_or_insert(id.0);
        let (tokens_at, blocks_at) = (plan.tokens.len(), plan.blocks.len());
        plan.tokens.extend_from_slice(&sequence.tokens[start as usize..end as usize]);
        plan.blocks.extend_from_slice(sequence.table.blocks());
        plan.parts.push(Part {
            job: id,
            sequence: sequence_id,
            start,
            tokens: tokens_at..plan.tokens.len(),
            blocks: blocks_at..plan.blocks.len(),
            output: job.output,
            output_from: job.output_from.clamp(start, end),
            new_from: job.new_from.clamp(start, end),
        });
        Ok(end - start)
    }

    pub(super) fn step(&self) -> u64 {
        self.step
    }
}

/// What a job is to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A few tokens of a sequence that goes on: served before all chunks of prompts.
    Decoding,
    /// A stretch of a prompt.
    Prompts,
}

/// The newcomers' line: once one does not fit, none that stands behind it is let in during this step, lest small ones
/// always pass a large one. One that meets its tenant's bound holds up that tenant only; and a tenant that holds nothing
/// may always try, lest one tenant's large prompt keep another from having anything at all.
#[derive(Default)]
struct Line {
    closed: bool,
    closed_for: Vec<TenantKey>,
}

impl Line {
    fn is_closed(&self, tenant: TenantKey, empty_handed: bool) -> bool {
        (self.closed && !empty_handed) || self.closed_for.contains(&tenant)
    }

    fn close(&mut self, tenant: TenantKey, shortage: Shortage) {
        self.closed |= shortage == Shortage::Node;
        self.closed_for.push(tenant);
    }
}
