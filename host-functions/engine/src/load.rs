//! From a path to a running model.

use std::path::Path;
use std::sync::Arc;

use realm_kernels::Pool;

use crate::architectures::ArchitectureError;
use crate::cache::{BLOCK_LEN, BlockPool, blocks_for};
use crate::chat_template::{ChatTemplate, TemplateError};
use crate::config::{EngineConfig, KvPrecision};
use crate::cpu::{CpuExecutor, KvError, KvMemory, Weights, WeightsError};
use crate::description::Description;
use crate::gguf::MetadataError;
use crate::huggingface::FolderError;
use crate::info::ModelInfo;
use crate::model::Model;
use crate::model_files::{ModelFiles, OpenError};
use crate::progress::{LoadProgress, LoadStage};
use crate::scheduler::{Limits, Scheduler};
use crate::tensor_info::type_name;
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
    #[error("tensor {name:?} has no place in architecture {architecture:?}; the model is not what it says")]
    UnknownTensor { name: String, architecture: String },
    #[error("tensor {name:?} has the type {dtype}, which is not supported; supported: F32, F16, BF16")]
    TensorType { name: String, dtype: String },
    #[error("{file}: eos_token_id is {value}; it must be a token or a list of tokens")]
    EndTokens { file: &'static str, value: String },
    #[error("no thread for the model's worker: {source}")]
    Thread { source: std::io::Error },
}

pub(crate) fn load(path: &Path, config: &EngineConfig, progress: &dyn LoadProgress) -> Result<Model, LoadError> {
    progress.advance(LoadStage::Header, 0, 1);
    let files = Arc::new(ModelFiles::open(path)?);
    let description = Description::read(&files)?;
    let chat_template = ChatTemplate::or_chat_ml(description.chat_template.as_deref())?;
    let spec = &description.spec;
    progress.advance(LoadStage::Header, 1, 1);

    let threads = config.threads.max(1);
    let (weights, hash) = std::thread::scope(|scope| {
        let hashing = scope.spawn(|| files.hash());
        let weights = Weights::load(&files, spec, &description.tensors, threads, progress);
        let total = files.byte_len();
        progress.advance(LoadStage::Hash, 0, total);
        let hash = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        progress.advance(LoadStage::Hash, total, total);
        (weights, hash)
    });
    let weights = weights?;
    files.release_pages();

    let context_length = config.context_length_max.unwrap_or(u32::MAX).clamp(1, spec.context_length);
    let kv_type = config.kv_precision.unwrap_or_else(|| KvPrecision::for_weights(weights.main_type()));
    let blocks_max = u64::from(blocks_for(context_length)) * config.sequences_max.max(1) as u64;
    let kv = KvMemory::new(spec, kv_type.into(), config.kv_bytes_max, blocks_max)?;
    let kv_block_bytes = kv.block_bytes() as u64;
    let info = model_info(path, &files, &description, &weights, context_length, kv_block_bytes, hash);
    tracing::info!(
        name = info.name,
        quantization = info.quantization,
        weight_bytes = info.weight_bytes,
        kv_blocks = kv.block_count(),
        "model loaded"
    );

    let tenant_blocks_max = (config.kv_bytes_per_tenant_max / kv_block_bytes).clamp(1, u64::from(u32::MAX)) as u32;
    let pool = BlockPool::new(kv.block_count(), tenant_blocks_max);
    let scheduler = Scheduler::new(limits(config, context_length), pool);
    let Description { spec, tokenizer, .. } = description;
    let executor = CpuExecutor::new(Pool::new(threads), spec, files.clone(), weights, kv);
    let worker = Worker::start(scheduler, Box::new(executor)).map_err(|source| LoadError::Thread { source })?;
    Ok(Model { info, files, tokenizer, chat_template, worker, kv_block_bytes, logits_bytes_max: config.logits_bytes_max })
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

fn model_info(
    path: &Path,
    files: &ModelFiles,
    description: &Description,
    weights: &Weights,
    context_length: u32,
    kv_block_bytes: u64,
    hash: [u8; 32],
) -> ModelInfo {
    let spec = &description.spec;
    let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    ModelInfo {
        name: description.name.clone().unwrap_or_else(stem),
        architecture: description.architecture.clone(),
        quantization: type_name(weights.main_type()).to_owned(),
        parameter_count: files.tensors().iter().map(|tensor| tensor.len as u64).sum(),
        context_length,
        embedding_length: spec.hidden_len as u32,
        vocab_size: spec.vocab_len as u32,
        layer_count: spec.layers.len() as u32,
        head_count: spec.head_count as u32,
        kv_head_count: spec.kv_head_count as u32,
        head_length: spec.head_len as u32,
        rope_theta: spec.ropes.first().map_or(0.0, |rope| rope.theta),
        norm_epsilon: spec.norm_epsilon,
        feed_forward_length: spec.feed_forward_len as u32,
        file_bytes: files.byte_len(),
        weight_bytes: weights.bytes(),
        kv_bytes_per_token: kv_block_bytes / u64::from(BLOCK_LEN),
        hash,
        chat_template: description.chat_template.clone(),
    }
}
