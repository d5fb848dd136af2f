//! Logits: what forward passes give. Rows stay native; bytes are bounded.

use crate::{
    CallState,
    budget::{Lease, NativeBudget, overhead::HANDLE_BYTES},
    call::{HandleKind, HandleTable},
    error::HostError,
    functions::HostFunction,
    host_call::HostCall,
};
use realm_engine::Logits;
use realm_primitives::LogitBias;
use wasmtime::Linker;

pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    crate::host_call::link_functions! { linker;
        LogitsRows => logits_rows[logits: u32];
        LogitsRead => logits_read[logits: u32, row: u32, ptr: u32, len: u32];
        LogitsBias => logits_bias[logits: u32, row: u32, ptr: u32, len: u32];
        LogitsDrop => logits_drop[logits: u32];
    }
    Ok(())
}

/// What the guest did with a row of logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Row {
    /// Nothing that would tell it which token is likely.
    #[default]
    Unseen,
    /// It read the values, and was not charged for a draw.
    LookedAt,
    /// It drew a token that is charged.
    Drawn,
}

/// Logits, and what became of each row.
struct Held {
    logits: Logits,
    rows: Vec<Row>,
}

/// The logits of a call.
pub(super) struct LogitsTable {
    held: HandleTable<Held>,
    budget: NativeBudget,
    bytes: u64,
    bytes_max: u64,
}

impl LogitsTable {
    pub(super) fn new(handles_max: usize, bytes_max: u64, budget: &NativeBudget) -> Self {
        let kind = HandleKind { tag: 3, name: "logits" };
        Self { held: HandleTable::new(kind, handles_max), budget: budget.clone(), bytes: 0, bytes_max }
    }

    /// Room for so many more values: asked for before they are computed, given to [`Self::insert`].
    pub(super) fn reserve(&self, values: u64) -> Result<Lease, HostError> {
        self.held.check_room()?;
        let bytes = values.saturating_mul(4);
        HostError::check_limit("bytes of a call's logits", self.bytes.saturating_add(bytes), self.bytes_max)?;
        Ok(self.budget.try_take("logits", bytes.saturating_add(HANDLE_BYTES))?)
    }

    /// Takes in logits whose room was reserved.
    pub(super) fn insert(&mut self, logits: Logits, room: Lease) -> Result<u32, HostError> {
        let values = logits.data.len() as u64;
        let rows = vec![Row::default(); logits.rows];
        let handle = self.held.insert(Held { logits, rows }, room)?;
        self.bytes += values * 4;
        Ok(handle)
    }

    fn remove(&mut self, handle: u32) -> Result<(), HostError> {
        let Held { logits, .. } = self.held.remove(handle)?;
        self.bytes -= logits.data.len() as u64 * 4;
        Ok(())
    }

    /// Row `row` of what `handle` names.
    pub(super) fn row(&self, handle: u32, row: u32) -> Result<&[f32], HostError> {
        let Held { logits, .. } = self.held.get(handle)?;
        logits.row(row as usize).ok_or_else(|| no_row(row, logits.rows))
    }

    /// Notes what the guest does with a row, and gives what it had done before. What is noted only grows.
    pub(super) fn note(&mut self, handle: u32, row: u32, now: Row) -> Result<Row, HostError> {
        let held = self.held.get_mut(handle)?;
        let rows = held.logits.rows;
        let noted = held.rows.get_mut(row as usize).ok_or_else(|| no_row(row, rows))?;
        let before = *noted;
        if before != Row::Drawn {
            *noted = now;
        }
        Ok(before)
    }

    fn row_mut(&mut self, handle: u32, row: u32) -> Result<&mut [f32], HostError> {
        let Held { logits, .. } = self.held.get_mut(handle)?;
        let (rows, vocab) = (logits.rows, logits.vocab.max(1));
        logits.data.chunks_exact_mut(vocab).nth(row as usize).ok_or_else(|| no_row(row, rows))
    }
}

fn no_row(row: u32, rows: usize) -> HostError {
    HostError::invalid(format!("there is no row {row} in {rows} rows of logits"))
}

fn logits_rows(call: &mut HostCall<'_>, logits: u32) -> Result<u32, HostError> {
    Ok(call.state().inference.logits.held.get(logits)?.logits.rows as u32)
}

fn logits_read(call: &mut HostCall<'_>, logits: u32, row: u32, ptr: u32, len: u32) -> Result<(), HostError> {
    let values = call.state().inference.logits.row(logits, row)?;
    call.scratch("a row of logits", values.len() as u64 * 4)?;
    let values = values.to_vec();
    call.write_floats(ptr, len, &values)?;
    if call.state_mut().inference.logits.note(logits, row, Row::LookedAt)? == Row::Unseen {
        call.state().tally().looked();
    }
    Ok(())
}

fn logits_bias(call: &mut HostCall<'_>, logits: u32, row: u32, ptr: u32, len: u32) -> Result<(), HostError> {
    let entries_max = call.limits().inference.tokens_max;
    let biases = call.decoded_list::<LogitBias>(ptr, len, entries_max, "biases of logits")?;
    let row = call.state_mut().inference.logits.row_mut(logits, row)?;
    if let Some(bias) = biases.iter().find(|bias| bias.token as usize >= row.len()) {
        return Err(HostError::invalid(format!("token {} is not one of the model's {}", bias.token, row.len())));
    }
    for bias in biases {
        row[bias.token as usize] += bias.bias.get();
    }
    Ok(())
}

fn logits_drop(call: &mut HostCall<'_>, logits: u32) -> Result<(), HostError> {
    call.state_mut().inference.logits.remove(logits)
}
