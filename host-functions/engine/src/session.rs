//! A session: one sequence in the KV cache, driven by its owner token by token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::TenantKey;
use crate::executor::ExecutorError;
use crate::meter::TokenMeter;
use crate::model::{CannotGenerate, Model};
use crate::scheduler::{JobId, Output, Refused, SequenceId};
use crate::worker::{JobOutput, JobResult, Shared, Stopped, Submitted};

/// A session that computes its own steps lets the tasks that share its thread go first this often: those that carry its
/// tokens to their reader, above all. More often would cost a small model more than its steps do, because the async
/// executor may then move the session to another thread.
const PAUSE_EVERY: Duration = Duration::from_micros(500);

/// A sequence of tokens whose keys and values the engine keeps. Dropping it frees them.
///
/// Its memory is a cache: when the engine needs it for others while this session stands still, it takes it, and
/// computes it again, to the same bits, when the session goes on.
#[must_use = "dropping a session frees it"]
pub struct Session {
    model: Arc<Model>,
    shared: Arc<Shared>,
    sequence: SequenceId,
    reused_len: u32,
    /// Who is told what is computed here.
    meter: Option<Arc<dyn TokenMeter>>,
    /// When it last let others go first.
    paused: Instant,
}

/// Which tokens of a forward pass want logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The last one.
    Last,
    /// Every one.
    All,
}

/// Logits: `rows` rows of `vocab` values, one row for each token that wanted them, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    pub rows: usize,
    pub vocab: usize,
    pub data: Vec<f32>,
}

impl Logits {
    /// Row `index`, if there is one.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        self.data.chunks_exact(self.vocab.max(1)).nth(index)
    }
}

/// Why no session was opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error("too many sessions are open; this one would have been number {position}")]
    Overloaded { position: usize },
    #[error("token {token} at place {index} is not one of the model's {vocab_len}")]
    TokenOutOfVocabulary { index: usize, token: u32, vocab_len: usize },
    #[error(transparent)]
    CannotGenerate(#[from] CannotGenerate),
    #[error("the model is not available any more")]
    Stopped,
}

/// Why a forward pass gave no logits. The session is as it was before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    #[error("too many requests are waiting; this one would have been number {position}")]
    Overloaded { position: usize },
    #[error("{len} tokens and {new_tokens} new ones are more than the context of {context_length}")]
    ContextOverflow { len: u32, new_tokens: usize, context_length: u32 },
    #[error("the sequence needs {needed_bytes} bytes of KV cache; its budget is {budget_bytes}")]
    CacheTooSmall { needed_bytes: u64, budget_bytes: u64 },
    #[error("logits of {rows} tokens are more than the {rows_max} that one forward pass may ask for")]
    TooManyRows { rows: usize, rows_max: usize },
    #[error("no tokens were given")]
    NoTokens,
    #[error("token {token} at place {index} is not one of the model's {vocab_len}")]
    TokenOutOfVocabulary { index: usize, token: u32, vocab_len: usize },
    #[error(transparent)]
    Failed(#[from] ExecutorError),
    #[error("the model is not available any more")]
    Stopped,
}

impl Session {
    pub(crate) fn open(model: Arc<Model>, owner: TenantKey, prefix: &[u32]) -> Result<Self, SessionError> {
        if let Some((index, token, vocab_len)) = model.out_of_vocabulary(prefix) {
            return Err(SessionError::TokenOutOfVocabulary { index, token, vocab_len });
        }
        let shared = model.decoder()?.clone();
        let (sequence, reused_len) = shared.with(|scheduler| {
            let sequence = scheduler.open(owner, prefix)?;
            Ok::<_, Refused>((sequence, scheduler.len(sequence)))
        })?;
        Ok(Self { model, shared, sequence, reused_len, meter: None, paused: Instant::now() })
    }

    /// Reports what is computed for this session, and for its forks, to `meter`. Default: to nobody.
    pub fn metered(mut self, meter: Arc<dyn TokenMeter>) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Tokens in the sequence.
    pub fn len(&self) -> u32 {
        self.shared.with(|scheduler| scheduler.len(self.sequence))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tokens that were there when the session was opened: the part of its prefix that had been computed before.
    pub fn reused_len(&self) -> u32 {
        self.reused_len
    }

    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Appends `tokens` to the sequence, computes them, and gives the logits of the last or of every one of them.
    ///
    /// The tokens join the engine's next batch. Where KV memory is short, the call waits for its turn. A session that is
    /// alone with a small model computes the batch itself, within the poll.
    ///
    /// # Errors
    /// See [`ForwardError`]; the session is then as it was before.
    ///
    /// # Cancel safety
    /// Dropping the future takes the request back, whether it waits or is being computed; what it held is free at the
    /// next step, and the session is as it was before. The meter counts what was computed until then, and the step that
    /// is being computed.
    pub async fn forward(&mut self, tokens: Vec<u32>, rows: Rows) -> Result<Logits, ForwardError> {
        if let Some((index, token, vocab_len)) = self.model.out_of_vocabulary(&tokens) {
            return Err(ForwardError::TokenOutOfVocabulary { index, token, vocab_len });
        }
        let vocab = self.model.vocab_len();
        let rows_max = (self.model.logits_bytes_max() / (4 * vocab.max(1))).max(1);
        let (rows, output) = match rows {
            Rows::Last => (1, Output::LastLogits),
            Rows::All if tokens.len() > rows_max => {
                return Err(ForwardError::TooManyRows { rows: tokens.len(), rows_max });
            }
            Rows::All => (tokens.len(), Output::AllLogits),
        };
        let pending = start(&self.model, &self.shared, self.sequence, &tokens, output, self.meter.as_ref())?;
        if pending.in_place && self.paused.elapsed() >= PAUSE_EVERY {
            tokio::task::yield_now().await;
            self.paused = Instant::now();
        }
        let data = pending.wait().await?.logits;
        Ok(Logits { rows, vocab, data })
    }

    /// Cuts the sequence to its first `len` tokens; nothing happens if it is no longer than that.
    pub fn truncate(&mut self, len: u32) {
        self.shared.with(|scheduler| scheduler.truncate(self.sequence, len));
    }

    /// A second session with the same tokens. What is computed is shared until one of the two writes on.
    ///
    /// # Errors
    /// [`SessionError::Overloaded`].
    pub fn fork(&self) -> Result<Self, SessionError> {
        let sequence = self.shared.with(|scheduler| scheduler.fork(self.sequence))?;
        let (model, shared, reused_len) = (self.model.clone(), self.shared.clone(), self.reused_len);
        let meter = self.meter.clone();
        Ok(Self { model, shared, sequence, reused_len, meter, paused: Instant::now() })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.close(self.sequence);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("sequence", &self.sequence).field("len", &self.len()).finish()
    }
}

/// Submits a job. It may be computed before its result is waited for, and is taken back if what is given here is dropped.
pub(crate) fn start<'a>(
    model: &Model,
    shared: &'a Shared,
    sequence: SequenceId,
    tokens: &[u32],
    output: Output,
    meter: Option<&Arc<dyn TokenMeter>>,
) -> Result<Pending<'a>, ForwardError> {
    let submitted = shared.submit(sequence, tokens, output, meter);
    match submitted.map_err(|refused| forward_error(model, refused))? {
        Ok(Submitted { job, len_before, result, in_place }) => {
            Ok(Pending { shared, sequence, job, len_before, result, in_place, done: false })
        }
        Err(Stopped) => Err(ForwardError::Stopped),
    }
}

/// A job that somebody waits for; dropping it takes the job back.
pub(crate) struct Pending<'a> {
    shared: &'a Shared,
    sequence: SequenceId,
    job: JobId,
    len_before: u32,
    result: oneshot::Receiver<JobResult>,
    /// Nobody computes it if this task does not.
    in_place: bool,
    done: bool,
}

impl Pending<'_> {
    pub async fn wait(mut self) -> Result<JobOutput, ForwardError> {
        if self.in_place {
            self.shared.step_in_place(self.sequence);
        }
        let outcome = (&mut self.result).await;
        self.done = true;
        match outcome {
            Ok(result) => Ok(result?),
            Err(_) => Err(ForwardError::Stopped),
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.withdraw(self.sequence, self.job, self.len_before);
        }
    }
}

impl From<Refused> for SessionError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Overloaded { position } => SessionError::Overloaded { position },
            // The other refusals concern jobs.
            _ => SessionError::Stopped,
        }
    }
}

fn forward_error(model: &Model, refused: Refused) -> ForwardError {
    match refused {
        Refused::Overloaded { position } => ForwardError::Overloaded { position },
        Refused::ContextOverflow { len, new_tokens, context_length } => {
            ForwardError::ContextOverflow { len, new_tokens, context_length }
        }
        Refused::CacheTooSmall { blocks_needed, blocks_max } => ForwardError::CacheTooSmall {
            needed_bytes: u64::from(blocks_needed) * model.kv_block_bytes(),
            budget_bytes: u64::from(blocks_max) * model.kv_block_bytes(),
        },
        Refused::NothingToDo => ForwardError::NoTokens,
        Refused::NotReady => ForwardError::Stopped,
    }
}
