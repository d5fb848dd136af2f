//! From a path to a running model.

use std::path::Path;
use std::sync::Arc;

use candle_core::Device;
use realm_kernels::{KvLayout, Pool, ShapeError};

use crate::architectures::{Architecture, ArchitectureError};
use crate::cache::{BLOCK_LEN, BlockPool, blocks_for};
use crate::chat_template::{ChatTemplate, TemplateError};
use crate::config::{EngineConfig, KvPrecision};
use crate::cpu::{CpuEncoder, CpuExecutor, EncoderWeights, KvError, KvMemory, Weights};
use crate::description::Description;
use crate::device::{ComputeDevice, DeviceError, DeviceExecutor, DeviceKv, DeviceWeights};
use crate::encoder::{Encoder, EncoderLimits, EncoderSpec, EncoderTensors};
use crate::executor::Executor;
use crate::gguf::MetadataError;
use crate::huggingface::FolderError;
use crate::info::ModelInfo;
use crate::model::{Compute, Model};
use crate::model_files::{ModelFiles, OpenError};
use crate::progress::{LoadProgress, LoadStage};
use crate::scheduler::{Limits, Scheduler};
use crate::spec::{DecoderSpec, DecoderTensors};
use crate::tensors::{Tensors, WeightsError};
use crate::tokenizer::TokenizerError;
use crate::worker::Worker;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file of a folder that is opened in passing.
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error("the model's chat template: {0}")]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error("tensor {name:?} has no place in architecture {architecture:?}; the model is not what it says")]
    UnknownTensor { name: String, architecture: String },
    #[error("tensor {name:?} has the type {dtype}, which is not supported; supported: F32, F16, BF16")]
    TensorType { name: String, dtype: String },
    #[error("{file}: eos_token_id is {value}; it must be a token or a list of tokens")]
    EndTokens { file: &'static str, value: String },
    #[error("heads of {head_len} values: {source}")]
    Heads { head_len: usize, source: ShapeError },
    #[error("the SHA-256 of the weights is 0x{found}; 0x{wanted} is wanted")]
    Sha256 { found: String, wanted: String },
    #[error("no thread for the model's worker: {source}")]
    Thread { source: std::io::Error },
}

pub(crate) fn load(path: &Path, config: &EngineConfig, progress: &dyn LoadProgress) -> Result<Model, LoadError> {
    progress.advance(LoadStage::Header, 0, 1);
    let files = Arc::new(ModelFiles::open(path)?);
    let description = Description::read(&files)?;
    let chat_template = ChatTemplate::or_chat_ml(description.chat_template.as_deref())?;
    let info = ModelInfo::of(path, &files, &description)?;
    let kv_precision = match config.kv_precision {
        Some(precision) => precision,
        None => KvPrecision::for_weights(description.main_type(&files)?),
    };
    progress.advance(LoadStage::Header, 1, 1);
    let Description { computes, tokenizer, .. } = description;
    let loading = Loading { info, files: &files, config, kv_precision, progress };
    let (info, compute) = match computes {
        Architecture::Decoder(spec, tensors) => loading.decoder(spec, &tensors)?,
        Architecture::Encoder(spec, tensors) => loading.encoder(spec, &tensors)?,
    };
    if chat_template.is_fallback() && matches!(compute, Compute::Decoder(_)) {
        tracing::warn!(name = info.name, "the model has no chat template; conversations are rendered as ChatML");
    }
    tracing::info!(
        name = info.name,
        architecture = info.architecture,
        quantization = info.quantization,
        weight_bytes = info.weight_bytes,
        "model ready"
    );
    let kv_block_bytes = info.kv_bytes_per_token * u64::from(BLOCK_LEN);
    Ok(Model {
        info,
        files,
        tokenizer,
        chat_template,
        compute,
        kv_block_bytes,
        logits_bytes_max: config.logits_bytes_max,
    })
}

/// A model on its way into memory.
struct Loading<'a> {
    /// What the files say; the rest is filled in on the way.
    info: ModelInfo,
    files: &'a Arc<ModelFiles>,
    config: &'a EngineConfig,
    kv_precision: KvPrecision,
    progress: &'a dyn LoadProgress,
}

/// A decoder's weights and KV memory, ready to run.
struct Loaded {
    executor: Box<dyn Executor>,
    kv_blocks: u32,
    kv_block_bytes: u64,
}

impl Loading<'_> {
    fn decoder(mut self, mut spec: DecoderSpec, tensors: &DecoderTensors) -> Result<(ModelInfo, Compute), LoadError> {
        let config = self.config;
        let context_length = config.context_length_max.unwrap_or(u32::MAX).clamp(1, spec.context_length);
        spec.context_length = context_length;
        let blocks_max = u64::from(blocks_for(context_length)) * config.sequences_max.max(1) as u64;
        let Loaded { executor, kv_blocks, kv_block_bytes } = match config.device {
            ComputeDevice::Cpu => self.on_cpu(spec, tensors, blocks_max)?,
            device => self.on_device(device.open()?, spec, tensors, blocks_max)?,
        };
        self.info.context_length = context_length;
        self.info.kv_bytes_per_token = kv_block_bytes / u64::from(BLOCK_LEN);
        tracing::debug!(name = self.info.name, device = %config.device, kv_blocks, "KV memory reserved");

        let tenant_blocks_max = (config.kv_bytes_per_tenant_max / kv_block_bytes).clamp(1, u64::from(u32::MAX)) as u32;
        let scheduler = Scheduler::new(limits(config, context_length), BlockPool::new(kv_blocks, tenant_blocks_max));
        let worker = Worker::start(scheduler, executor).map_err(|source| LoadError::Thread { source })?;
        Ok((self.info, Compute::Decoder(worker)))
    }

    /// Packs weights for this engine's kernels.
    fn on_cpu(&mut self, spec: DecoderSpec, tensors: &DecoderTensors, blocks_max: u64) -> Result<Loaded, LoadError> {
        let (config, threads) = (self.config, self.config.threads.max(1));
        let weights = self.hashed(|files| Weights::load(files, &spec, tensors, threads))?;
        self.info.weight_bytes = weights.bytes();
        let kv = KvMemory::new(&spec, self.kv_precision.into(), config.kv_bytes_max, blocks_max)?;
        let (kv_blocks, kv_block_bytes) = (kv.block_count(), kv.block_bytes() as u64);
        let executor = Box::new(CpuExecutor::new(Pool::new(threads), spec, weights, kv));
        Ok(Loaded { executor, kv_blocks, kv_block_bytes })
    }

    /// Brings weights to a device of candle's.
    fn on_device(
        &mut self,
        device: Device,
        spec: DecoderSpec,
        tensors: &DecoderTensors,
        blocks_max: u64,
    ) -> Result<Loaded, LoadError> {
        let weights = self.hashed(|files| DeviceWeights::load(&device, files, &spec, tensors))?;
        self.info.weight_bytes = weights.bytes();
        let kv = DeviceKv::new(&device, &spec, self.kv_precision, self.config.kv_bytes_max, blocks_max)?;
        let (kv_blocks, kv_block_bytes) = (kv.block_count(), kv.block_bytes());
        let executor = Box::new(DeviceExecutor::new(device, spec, weights, kv));
        Ok(Loaded { executor, kv_blocks, kv_block_bytes })
    }

    fn encoder(mut self, spec: EncoderSpec, tensors: &EncoderTensors) -> Result<(ModelInfo, Compute), LoadError> {
        let (config, threads) = (self.config, self.config.threads.max(1));
        let weights = self.hashed(|files| EncoderWeights::load(files, &spec, tensors, threads))?;
        self.info.weight_bytes = weights.bytes();
        let spec = Arc::new(spec);
        let heads = |source| LoadError::Heads { head_len: spec.head_len, source };
        let executor = CpuEncoder::new(Pool::new(threads), spec.clone(), weights).map_err(heads)?;
        let limits = EncoderLimits { queue_len_max: config.queue_len_max, batch_tokens_max: config.batch_tokens_max };
        let encoder = Encoder::start(Box::new(executor), limits).map_err(|source| LoadError::Thread { source })?;
        Ok((self.info, Compute::Encoder { encoder, spec }))
    }

    /// Packs weights, and hashes the files meanwhile.
    fn hashed<W>(&mut self, pack: impl FnOnce(&Tensors<'_>) -> Result<W, WeightsError>) -> Result<W, LoadError> {
        let (files, progress) = (self.files, self.progress);
        let (weights, hashes) = std::thread::scope(|scope| {
            let hashing = scope.spawn(|| files.hashes(self.config.sha256.is_some()));
            let weights = pack(&Tensors::new(files, progress));
            let total = files.byte_len();
            progress.advance(LoadStage::Hash, 0, total);
            let hashes = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            progress.advance(LoadStage::Hash, total, total);
            (weights, hashes)
        });
        files.release_pages();
        check_sha256(self.config.sha256, hashes.sha256)?;
        self.info.hash = hashes.blake2;
        Ok(weights?)
    }
}

/// Whether the weights are those that are wanted.
pub(crate) fn check_sha256(wanted: Option<[u8; 32]>, found: Option<[u8; 32]>) -> Result<(), LoadError> {
    match (wanted, found) {
        (Some(wanted), Some(found)) if wanted != found => {
            Err(LoadError::Sha256 { found: hex::encode(found), wanted: hex::encode(wanted) })
        }
        _ => Ok(()),
    }
}

/// Bytes of keys and values that a token takes in all layers.
///
/// # Errors
/// Heads that the kernels do not compute.
pub(crate) fn kv_bytes_per_token(spec: &DecoderSpec, precision: KvPrecision) -> Result<u64, LoadError> {
    let (kv_heads, head_len) = (spec.kv_head_count, spec.head_len);
    let layout = KvLayout::new(kv_heads, head_len, precision.into()).map_err(|source| KvError::Shape {
        kv_heads,
        head_len,
        source,
    })?;
    Ok(layout.bytes() as u64 * spec.layers.len() as u64 / u64::from(BLOCK_LEN))
}

fn limits(config: &EngineConfig, context_length: u32) -> Limits {
    let tokens = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).max(1);
    Limits {
        sequences_max: config.sequences_max.max(1),
        queue_len_max: config.queue_len_max.max(1),
        batch_tokens_max: tokens(config.batch_tokens_max),
        prefill_chunk_tokens: tokens(config.prefill_chunk_tokens),
        context_length,
        prefix_cache: config.prefix_cache,
    }
}
