//! The state of one call: everything a sandbox holds on the host's side. Dropping it frees all of
//! it: sessions, tensors, the storage transaction.

mod handles;
mod limiter;
mod tally;
mod tenant;
mod token_times;
mod usage;

pub(crate) use handles::{HandleKind, HandleTable};
pub use tally::{CallTally, Working};
pub use tenant::{CallSetup, TenantResources};
pub use token_times::{SAMPLED, TokenTimes};
pub use usage::CallUsage;

use crate::{
    budget::{Lease, NativeBudget, QuotaExceeded},
    error::HostError,
    guest_memory::GuestMemory,
    inference::InferenceState,
    storage::{Changes, Transaction},
    tensor::TensorState,
};
use limiter::GuestLimiter;
use parity_scale_codec::Encode;
use realm_primitives::{CallContext, H256};
use std::{sync::Arc, time::Instant};

/// The data of a call's `wasmtime::Store`.
pub struct CallState {
    pub(crate) setup: CallSetup,
    pub(crate) usage: CallUsage,
    pub(crate) tensors: TensorState,
    pub(crate) inference: InferenceState,
    pub(crate) storage: Transaction,
    pub(crate) log: CallLog,
    /// The call's native memory. Everything that the host holds for the guest has a lease of it.
    pub(crate) budget: NativeBudget,
    /// What the host function that runs has copied from the guest, and its temporaries. Cleared when it returns.
    pub(crate) scratch: Arc<Lease>,
    /// Output of variable length, until the guest takes it.
    pub(crate) result: Vec<u8>,
    /// The bytes of `result`.
    pub(crate) result_lease: Lease,
    /// Text of the last error, until the guest asks for it.
    pub(crate) last_error: String,
    memory: Option<GuestMemory>,
    limiter: GuestLimiter,
}

/// What of the guest's log the call itself must remember.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    pub lines: u32,
    /// The last line of level error: the text of a panic, if one follows.
    pub last_error_line: Option<String>,
}

impl CallState {
    /// The state of a call of the blob with this hash and `spec_version`. `memory_bytes_max` is the executor's own limit;
    /// the smaller one of it and the tenant's holds.
    pub fn new(
        mut setup: CallSetup,
        (code_hash, spec_version): ([u8; 32], u32),
        memory_bytes_max: usize,
        table_elements_max: usize,
    ) -> Self {
        setup.context.code_hash = H256(code_hash);
        let tenant = setup.tenant.clone();
        let limits = &tenant.limits;
        let budget = tenant.budget.call(limits.native_bytes_max);
        let transaction =
            Transaction::new(tenant.storage.clone(), setup.connection.clone(), limits.storage.clone(), &budget)
                .of_code(code_hash, spec_version);
        Self {
            usage: CallUsage::default(),
            tensors: TensorState::new(limits, &budget),
            inference: InferenceState::new(limits, &budget),
            storage: transaction,
            log: CallLog::default(),
            scratch: Arc::new(budget.empty_lease()),
            result: Vec::new(),
            result_lease: budget.empty_lease(),
            budget,
            last_error: String::new(),
            memory: None,
            limiter: GuestLimiter::new(
                limits.memory_bytes_max.min(memory_bytes_max),
                limits.table_elements_max.min(table_elements_max),
            ),
            setup,
        }
    }

    /// Tells the state where the guest's memory is, once the instance exists.
    pub fn set_memory(&mut self, memory: GuestMemory) {
        self.memory = Some(memory);
    }

    /// The limiter for `Store::limiter`.
    pub fn limiter(&mut self) -> &mut dyn wasmtime::ResourceLimiter {
        &mut self.limiter
    }

    /// When the call must have ended.
    pub fn deadline(&self) -> Option<Instant> {
        self.setup.deadline
    }

    /// The tenant and its limits.
    pub fn tenant(&self) -> &Arc<TenantResources> {
        &self.setup.tenant
    }

    /// What the call is charged for.
    pub fn tally(&self) -> &Arc<CallTally> {
        &self.setup.tally
    }

    /// What the call used up to now.
    pub fn usage(&self) -> CallUsage {
        let mut usage = self.usage.clone();
        usage.memory_bytes = self.limiter.memory_bytes() as u64;
        usage.cpu_time = self.setup.tally.cpu_time();
        usage.computed_tokens = self.setup.tally.computed_tokens();
        usage
    }

    /// The growth of memory that was refused, and the limit, if the guest ran into it.
    pub fn memory_refused(&self) -> Option<(usize, usize)> {
        self.limiter.memory_refused_bytes().map(|asked| (asked, self.limiter.memory_bytes_max()))
    }

    /// The last line of level error that the guest logged: its panic's text, if it panicked.
    pub fn last_error_line(&self) -> Option<&str> {
        self.log.last_error_line.as_deref()
    }

    /// Whether the call was refused the tenant's state, because a migration rewrote it for other code.
    pub fn state_was_migrated(&self) -> bool {
        self.storage.is_migrated()
    }

    /// Takes out what the call wrote, for the commit. `None` if it wrote nothing.
    pub fn take_changes(&mut self) -> Option<Changes> {
        self.storage.take_changes()
    }

    /// The guest's memory; there is none while the instance is being made.
    pub(crate) fn memory(&self) -> Result<GuestMemory, HostError> {
        self.memory.ok_or_else(|| HostError::Internal("the guest's memory is not there yet".into()))
    }

    pub(crate) fn context(&self) -> &CallContext {
        &self.setup.context
    }

    /// Puts `bytes` into the result buffer; its length is the host function's answer.
    pub(crate) fn put_result(&mut self, bytes: Vec<u8>) -> Result<u32, HostError> {
        let limit = self.setup.tenant.limits.result_bytes_max.min(u32::MAX as usize);
        HostError::check_limit("bytes of a result", bytes.len() as u64, limit as u64)?;
        self.result_lease.resize("a result", bytes.capacity() as u64)?;
        self.result = bytes;
        Ok(self.result.len() as u32)
    }

    /// Room for the call's answer of this many bytes.
    ///
    /// # Errors
    /// [`QuotaExceeded`]
    pub fn reserve_answer(&self, bytes: u32) -> Result<Lease, QuotaExceeded> {
        self.budget.try_take("the answer", bytes.into())
    }

    /// Empties the result buffer.
    pub(crate) fn clear_result(&mut self) {
        self.result = Vec::new();
        self.result_lease.clear();
    }

    /// Puts the SCALE encoding of `value` into the result buffer.
    pub(crate) fn put_encoded(&mut self, value: &impl Encode) -> Result<u32, HostError> {
        self.put_result(value.encode())
    }
}
