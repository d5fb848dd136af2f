//! Why an upgrade is refused. One variant per step, in the order of the steps.

use crate::{
    chain::{AppendError, ChainError},
    executor::CodeError,
    runtimes::LoadRuntimeError,
};
use realm_rpc::RpcError;
use std::time::Duration;

/// Why the runtime in force stays.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// Another upgrade of the same runtime is under way.
    #[error("another upgrade, dry run or rollback of this runtime is under way; try again when it has ended")]
    Busy,
    /// The operator began to change the same runtime.
    #[error("the node's operator changes this runtime now; try again afterwards")]
    Aborted,
    /// Too many tenants' upgrades wait already.
    #[error("{limit} upgrades of other tenants wait already, which is the limit; try again later")]
    Queue {
        /// The limit.
        limit: usize,
    },
    /// The tenant's administrator tried too often.
    #[error("a tenant may have {limit} {what}; try again in {} s", retry_after.as_secs().saturating_add(1))]
    TooOften {
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// When one more is possible.
        retry_after: Duration,
    },
    /// The upgrade as a whole took too long.
    #[error("the upgrade did not end within {0:?}, the time that a tenant's upgrade may take")]
    TimedOut(Duration),
    /// There is no tenant of this name.
    #[error("there is no tenant {0}")]
    UnknownTenant(String),
    /// The upload is too big, packed or unpacked.
    #[error("the upload has {len} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Bytes of the upload.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// It is compressed, and does not unpack or grows past the limit.
    #[error("the upload does not unpack within {limit} bytes: {why}")]
    Packed {
        /// Most bytes of an unpacked blob.
        limit: usize,
        /// What the decompressor says.
        why: sp_maybe_compressed_blob::Error,
    },
    /// It is no blob that this node can run.
    #[error(transparent)]
    Code(CodeError),
    /// It is another runtime.
    #[error("the blob's spec_name is {found}, and {expected} is in force")]
    SpecName {
        /// The blob's.
        found: String,
        /// The name in force.
        expected: String,
    },
    /// It is not newer.
    #[error("the blob's spec_version is {found}, which must be more than the {in_force} in force")]
    SpecVersion {
        /// The blob's.
        found: u32,
        /// The version in force.
        in_force: u32,
    },
    /// It does not compile, or does not say about itself what it must.
    #[error(transparent)]
    Load(LoadRuntimeError),
    /// The tenant that would pay has reached its rate or a spending cap.
    #[error("{0}")]
    Limited(RpcError),
    /// The trial call failed.
    #[error("the trial call of {function} failed: {}", brief(why))]
    Trial {
        /// What was called.
        function: &'static str,
        /// How it failed.
        why: TrialError,
    },
    /// The migration of a tenant's state failed.
    #[error("the migration of tenant {tenant} failed: {}", brief(why))]
    Migration {
        /// Whose state.
        tenant: String,
        /// How it failed.
        why: MigrationError,
    },
    /// There is nothing to roll back.
    #[error("there is no earlier runtime to go back to")]
    NothingToRollBack,
    /// The code to go back to is not in the database.
    #[error("the earlier runtime cannot be read: {0}")]
    Stored(#[from] ChainError),
    /// The commit was refused.
    #[error("nothing was written: {0}")]
    Commit(AppendError),
    /// Calls kept changing what the migration had read.
    #[error(
        "calls changed the state during each of {attempts} attempts to migrate it; try again when there is less load"
    )]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
}

/// Why a trial call is no success.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The blob has no such function, or it takes parameters.
    #[error("the blob has no function of this name that takes no parameters")]
    Missing,
    /// It trapped, or ran out of time or memory.
    #[error(transparent)]
    Call(#[from] crate::executor::CallError),
    /// It answered with an error of the runtime's own.
    #[error("it answered {code}: {message}")]
    Failure {
        /// The error's code.
        code: String,
        /// The error's text.
        message: String,
    },
    /// Its answer is not of the type it declares.
    #[error("its answer is not of the type it declares: {0}")]
    Answer(String),
    /// The tenant that would pay has reached a spending cap.
    #[error("{0}")]
    Refused(RpcError),
    /// It did not end in time.
    #[error("it did not end within {0:?}")]
    TimedOut(Duration),
}

/// Why a migration is no success.
pub type MigrationError = TrialError;

/// Bytes of the text of a failed trial call or migration that are told: it is the guest's, and could carry out what it
/// computed.
const GUEST_TEXT_BYTES_MAX: usize = 200;

/// A text cut to [`GUEST_TEXT_BYTES_MAX`].
fn brief(text: &impl std::fmt::Display) -> String {
    let mut text = text.to_string();
    if text.len() > GUEST_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(GUEST_TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}

impl UpgradeError {
    /// Why a call of an upgrade did not begin, or what `failed` makes of how it ended.
    pub(super) fn limited_or(why: TrialError, failed: impl FnOnce(TrialError) -> Self) -> Self {
        match why {
            TrialError::Refused(error) => Self::Limited(error),
            why => failed(why),
        }
    }

    /// The step that refused: stable, for programs.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Busy | Self::Aborted => "busy",
            Self::Queue { .. } => "queue",
            Self::TooOften { .. } => "rate",
            Self::TimedOut(_) => "time",
            Self::UnknownTenant(_) => "tenant",
            Self::TooLarge { .. } => "size",
            Self::Packed { .. } => "unpack",
            Self::Code(error) => code_step(error),
            Self::SpecName { .. } => "spec_name",
            Self::SpecVersion { .. } => "spec_version",
            Self::Load(LoadRuntimeError::Code(error)) => code_step(error),
            Self::Load(LoadRuntimeError::Compiler) => "compile",
            Self::Load(LoadRuntimeError::VersionLie { .. }) => "core_version",
            Self::Load(LoadRuntimeError::NoAnswer { function, .. }) if *function == "Core_version" => "core_version",
            Self::Load(_) => "metadata",
            Self::Limited(_) => "limits",
            Self::Trial { .. } => "trial",
            Self::Migration { .. } => "migration",
            Self::NothingToRollBack | Self::Stored(_) => "rollback",
            Self::Commit(_) | Self::Contended { .. } => "commit",
        }
    }
}

fn code_step(error: &CodeError) -> &'static str {
    match error {
        CodeError::TooLarge { .. } => "size",
        CodeError::NotWasm(_) => "format",
        CodeError::UnknownImports { .. } | CodeError::ImportType(_) => "imports",
        CodeError::MissingSection { .. } | CodeError::BadSection { .. } => "sections",
        CodeError::StartFunction | CodeError::MissingExport { .. } | CodeError::MemoryTooLarge { .. } => "exports",
        _ => "compile",
    }
}
