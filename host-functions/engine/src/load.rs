//! From a path to a running model.

use std::path::Path;
use std::sync::Arc;

use realm_kernels::Pool;

use crate::architectures::{self, ArchitectureError};
use crate::cache::{BLOCK_LEN, BlockPool, blocks_for};
use crate::chat_template::{ChatTemplate, TemplateError};
use crate::config::{EngineConfig, KvPrecision};
use crate::cpu::{CpuExecutor, KvError, KvMemory, Weights, WeightsError};
use crate::gguf::{GgufError, GgufFile, MetadataError, type_name};
use crate::info::ModelInfo;
use crate::model::Model;
use crate::progress::{LoadProgress, LoadStage};
use crate::scheduler::{Limits, Scheduler};
use crate::spec::DecoderSpec;
use crate::tokenizer::{Tokenizer, TokenizerError, Vocabulary};
use crate::worker::Worker;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Gguf(#[from] GgufError),
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
    #[error("no thread for the model's worker: {source}")]
    Thread { source: std::io::Error },
}

pub(crate) fn load(path: &Path, config: &EngineConfig, progress: &dyn LoadProgress) -> Result<Model, LoadError> {
    progress.advance(LoadStage::Header, 0, 1);
    let file = Arc::new(GgufFile::open(path)?);
    let (spec, tensors) = architectures::decoder(&file)?;
    let metadata = file.metadata();
    let architecture = metadata.str("general.architecture")?.unwrap_or_default().to_owned();
    if let Some(name) = tensors.first_stranger(&spec, file.tensors().iter().map(|tensor| tensor.name.as_str())) {
        return Err(LoadError::UnknownTensor { name: name.to_owned(), architecture });
    }
    let tokenizer = Tokenizer::from_vocabulary(Vocabulary::from_metadata(&metadata)?)?;
    let chat_template = ChatTemplate::or_chat_ml(metadata.str("tokenizer.chat_template")?)?;
    progress.advance(LoadStage::Header, 1, 1);

    let threads = config.threads.max(1);
    let (weights, hash) = std::thread::scope(|scope| {
        let hashing = scope.spawn(|| sp_crypto_hashing::blake2_256(file.bytes()));
        let weights = Weights::load(&file, &spec, &tensors, threads, progress);
        let total = file.bytes().len() as u64;
        progress.advance(LoadStage::Hash, 0, total);
        let hash = hashing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        progress.advance(LoadStage::Hash, total, total);
        (weights, hash)
    });
    let weights = weights?;
    file.release_pages();

    let context_length = config.context_length_max.unwrap_or(u32::MAX).clamp(1, spec.context_length);
    let kv_type = config.kv_precision.unwrap_or_else(|| KvPrecision::for_weights(weights.main_type()));
    let blocks_max = u64::from(blocks_for(context_length)) * config.sequences_max.max(1) as u64;
    let kv = KvMemory::new(&spec, kv_type.into(), config.kv_bytes_max, blocks_max)?;
    let kv_block_bytes = kv.block_bytes() as u64;
    let info = model_info(path, &file, &spec, &weights, architecture, context_length, kv_block_bytes, hash)?;
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
    let executor = CpuExecutor::new(Pool::new(threads), spec, file.clone(), weights, kv);
    let worker = Worker::start(scheduler, Box::new(executor)).map_err(|source| LoadError::Thread { source })?;
    Ok(Model { info, file, tokenizer, chat_template, worker, kv_block_bytes, logits_bytes_max: config.logits_bytes_max })
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

#[expect(clippy::too_many_arguments, reason = "it gathers what loading found out, once")]
fn model_info(
    path: &Path,
    file: &GgufFile,
    spec: &DecoderSpec,
    weights: &Weights,
    architecture: String,
    context_length: u32,
    kv_block_bytes: u64,
    hash: [u8; 32],
) -> Result<ModelInfo, LoadError> {
    let metadata = file.metadata();
    let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(ModelInfo {
        name: metadata.str("general.name")?.map(str::to_owned).unwrap_or_else(stem),
        architecture,
        quantization: type_name(weights.main_type()).to_owned(),
        parameter_count: file.tensors().iter().map(|tensor| tensor.len as u64).sum(),
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
        file_bytes: file.bytes().len() as u64,
        weight_bytes: weights.bytes(),
        kv_bytes_per_token: kv_block_bytes / u64::from(BLOCK_LEN),
        hash,
        chat_template: metadata.str("tokenizer.chat_template")?.map(str::to_owned),
    })
}
