//! A loaded model: its files, its facts, and the worker that batches its sequences.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::TenantKey;
use crate::chat_template::{ChatTemplate, Message, TemplateError};
use crate::config::EngineConfig;
use crate::encoder::{Encoder, EncoderSpec};
use crate::info::ModelInfo;
use crate::load::{self, LoadError};
use crate::model_files::ModelFiles;
use crate::progress::LoadProgress;
use crate::scheduler::{TenantBounds, WEIGHT_DEFAULT};
use crate::session::{Session, SessionError};
use crate::tensor_info::{TensorInfo, type_name};
use crate::tokenizer::{EncodeError, Tokenizer};
use crate::worker::{Shared, Worker};

/// A model that all tenants share. Its weights are in memory once; its worker computes all sessions' forward passes in
/// one batch, and ends when the model is dropped.
pub struct Model {
    pub(crate) info: ModelInfo,
    pub(crate) files: Arc<ModelFiles>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) chat_template: ChatTemplate,
    pub(crate) compute: Compute,
    pub(crate) kv_block_bytes: u64,
    pub(crate) logits_bytes_max: usize,
}

/// What computes a model.
pub(crate) enum Compute {
    /// Sequences of tokens, in sessions.
    Decoder(Worker),
    /// Texts, each as a whole.
    Encoder { encoder: Encoder, spec: Arc<EncoderSpec> },
}

/// The model embeds texts, and generates none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is a model that embeds texts ({architecture}); it cannot generate any")]
pub struct CannotGenerate {
    pub name: String,
    pub architecture: String,
}

/// A tensor as it lies in its file.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    pub name: &'a str,
    /// Outermost dimension first: a matrix is `[rows, columns]`.
    pub shape: &'a [usize],
    /// `F32`, `F16`, `Q8_0`, ..
    pub dtype: &'static str,
    pub weight_type: realm_kernels::WeightType,
    /// As stored; little-endian.
    pub bytes: &'a [u8],
}

/// What one tenant may take of a model's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantShare {
    /// Its share of the tokens, relative to the other tenants'. Default 1.
    pub weight: u32,
    /// Bytes of KV memory that its sequences and its kept prefixes may take. When it needs more, its own give way, and
    /// nobody else's. Default: as much as the engine's configuration gives one tenant.
    pub kv_bytes_max: u64,
    /// Sessions that it may have open. Default: as many as the engine has.
    pub sessions_max: usize,
}

impl Default for TenantShare {
    fn default() -> Self {
        Self { weight: WEIGHT_DEFAULT, kv_bytes_max: u64::MAX, sessions_max: usize::MAX }
    }
}

/// There is no such tensor or layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    #[error("the model has no tensor {name:?}")]
    NoTensor { name: String },
    #[error("the model has no layer {layer}; it has {layer_count}")]
    NoLayer { layer: u32, layer_count: u32 },
}

/// How busy a model's engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineLoad {
    pub sessions: usize,
    /// Forward passes that wait or are computed.
    pub jobs: usize,
    /// Of these, the ones that wait for their first KV block.
    pub queued: usize,
    pub kv_blocks: u32,
    pub kv_blocks_free: u32,
    /// Blocks kept for later sequences; they give way when blocks are needed.
    pub kv_blocks_cached: usize,
}

/// What a model's engine has done since it began; every number only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounters {
    /// Steps computed: batches.
    pub steps: u64,
    /// Sequences in them, summed up: divided by `steps` it is the mean batch.
    pub sequences: u64,
    /// Tokens computed in them.
    pub tokens: u64,
    /// Of these, tokens computed again because KV memory was short when they were computed before.
    pub recomputed: u64,
    /// Time spent computing them.
    pub busy: Duration,
}

impl Model {
    /// Opens a GGUF file or a Hugging Face folder, packs its weights, and starts its worker.
    ///
    /// # Errors
    /// See [`LoadError`]: whatever is wrong with the file, or not supported, is named.
    pub fn load(path: &Path, config: &EngineConfig, progress: &dyn LoadProgress) -> Result<Arc<Self>, LoadError> {
        load::load(path, config, progress).map(Arc::new)
    }

    /// Reads the files again and compares their SHA-256, as [`EngineConfig::sha256`] has it compared by loading.
    ///
    /// # Errors
    /// [`LoadError::Sha256`].
    pub fn check_sha256(&self, wanted: [u8; 32]) -> Result<(), LoadError> {
        let found = self.files.hashes(true).sha256;
        self.files.release_pages();
        load::check_sha256(Some(wanted), found)
    }

    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The model's chat template, or ChatML if it has none ([`ChatTemplate::is_fallback`] says so).
    pub fn chat_template(&self) -> &ChatTemplate {
        &self.chat_template
    }

    /// The tokens of a conversation, rendered by the model's chat template. Names of control tokens inside contents stay
    /// text. With `add_generation_prompt` they end where the answer begins. A conversation that has more tokens than the
    /// context by the length of its text alone is refused without being tokenised.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn chat_tokens(&self, messages: &[Message], add_generation_prompt: bool) -> Result<Vec<u32>, TemplateError> {
        let tokens_max = self.info.context_length as usize;
        self.chat_template.tokens_within(&self.tokenizer, messages, add_generation_prompt, tokens_max)
    }

    /// The tokens of a text as a prompt, with those that the model expects around it. A text that has more tokens than
    /// the context by its length alone is refused without being tokenised.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn prompt_tokens(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        self.tokenizer.encode_within(text, true, self.info.context_length as usize)
    }

    /// Opens a session for a tenant. Where the tenant's earlier sequences began like `prefix`, the session begins with
    /// the part that is computed already, never all of it: [`Session::len`] says how much, and the caller goes on from
    /// there.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn open_session(self: &Arc<Self>, owner: TenantKey, prefix: &[u32]) -> Result<Session, SessionError> {
        Session::open(self.clone(), owner, prefix)
    }

    /// Sets what a tenant may take of this engine, from now on. Default: [`TenantShare::default`]. A model that embeds keeps
    /// nothing between texts, and serves its tenants in turn: of it, nothing is set.
    pub fn set_share(&self, tenant: TenantKey, share: TenantShare) {
        let Compute::Decoder(worker) = &self.compute else { return };
        let blocks_max = (share.kv_bytes_max / self.kv_block_bytes).clamp(1, u64::from(u32::MAX)) as u32;
        let bounds = TenantBounds { weight: share.weight, sequences_max: share.sessions_max, blocks_max };
        worker.shared().with(|scheduler| scheduler.set_bounds(tenant, bounds));
    }

    /// Forgets what was set for a tenant that is no more.
    pub fn forget_share(&self, tenant: TenantKey) {
        let Compute::Decoder(worker) = &self.compute else { return };
        worker.shared().with(|scheduler| scheduler.forget_bounds(tenant));
    }

    /// How busy the engine is now.
    pub fn load_now(&self) -> EngineLoad {
        let worker = match &self.compute {
            Compute::Decoder(worker) => worker,
            Compute::Encoder { encoder, .. } => return encoder.load_now(),
        };
        worker.shared().with(|scheduler| EngineLoad {
            sessions: scheduler.open_sequences(),
            jobs: scheduler.jobs(),
            queued: scheduler.queued(),
            kv_blocks: scheduler.pool().block_count(),
            kv_blocks_free: scheduler.pool().free_count(),
            kv_blocks_cached: scheduler.prefix_blocks(),
        })
    }

    /// What the engine has done.
    pub fn counters(&self) -> EngineCounters {
        match &self.compute {
            Compute::Decoder(worker) => worker.shared().counters(),
            Compute::Encoder { encoder, .. } => encoder.counters(),
        }
    }

    /// The names of all tensors, in the file's order.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.files.tensors().iter().map(|tensor| tensor.name.as_str())
    }

    /// A tensor as it lies in the file. Nothing is copied.
    ///
    /// # Errors
    /// [`TensorError::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>, TensorError> {
        let tensor = self.files.tensor(name).ok_or_else(|| TensorError::NoTensor { name: name.to_owned() })?;
        Ok(self.view(tensor))
    }

    /// All tensors of a layer, as they lie in the file, in the file's order.
    ///
    /// # Errors
    /// [`TensorError::NoLayer`].
    pub fn layer_tensors(&self, layer: u32) -> Result<Vec<TensorView<'_>>, TensorError> {
        let layer_count = self.info.layer_count;
        if layer >= layer_count {
            return Err(TensorError::NoLayer { layer, layer_count });
        }
        let prefix = self.files.layer_prefix(layer);
        let tensors = self.files.tensors().iter().filter(|tensor| tensor.name.starts_with(&prefix));
        Ok(tensors.map(|tensor| self.view(tensor)).collect())
    }

    fn view<'a>(&'a self, tensor: &'a TensorInfo) -> TensorView<'a> {
        TensorView {
            name: &tensor.name,
            shape: &tensor.shape,
            dtype: type_name(tensor.weight_type),
            weight_type: tensor.weight_type,
            bytes: self.files.tensor_bytes(tensor),
        }
    }

    /// Whether the model generates text; one that only embeds says so.
    ///
    /// # Errors
    /// [`CannotGenerate`].
    pub fn check_generates(&self) -> Result<(), CannotGenerate> {
        self.decoder().map(drop)
    }

    pub(crate) fn decoder(&self) -> Result<&Arc<Shared>, CannotGenerate> {
        match &self.compute {
            Compute::Decoder(worker) => Ok(worker.shared()),
            Compute::Encoder { .. } => {
                let ModelInfo { name, architecture, .. } = &self.info;
                Err(CannotGenerate { name: name.clone(), architecture: architecture.clone() })
            }
        }
    }

    pub(crate) fn vocab_len(&self) -> usize {
        self.info.vocab_size as usize
    }

    pub(crate) fn logits_bytes_max(&self) -> usize {
        self.logits_bytes_max
    }

    /// Bytes of one block of the KV cache; 0 for a model that embeds.
    pub fn kv_block_bytes(&self) -> u64 {
        self.kv_block_bytes
    }

    /// The first token that the model does not have: its place, itself, and how many there are.
    pub(crate) fn out_of_vocabulary(&self, tokens: &[u32]) -> Option<(usize, u32, usize)> {
        let index = tokens.iter().position(|&token| token >= self.info.vocab_size)?;
        Some((index, tokens[index], self.vocab_len()))
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("info", &self.info).finish_non_exhaustive()
    }
}
