//! What a model is, found out without loading it: headers, settings and the tokenizer are read, no weight is.

use std::collections::BTreeMap;
use std::path::Path;

use crate::architectures::Architecture;
use crate::chat_template::ChatTemplate;
use crate::config::KvPrecision;
use crate::description::Description;
use crate::info::ModelInfo;
use crate::load::{LoadError, kv_bytes_per_token};
use crate::model_files::ModelFiles;
use crate::spec::RopeScaling;
use crate::tensor_info::{TensorInfo, type_name};

/// What is known of a model before its weights are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// `GGUF version 3`, or `Hugging Face folder`.
    pub format: String,
    /// Names and sizes. Hash and packed bytes are not known yet, and 0.
    pub info: ModelInfo,
    /// The types that tensors are stored in, most bytes first.
    pub types: Vec<TypeShare>,
    /// How positions are told apart, in words.
    pub positions: String,
    /// How texts become vectors, of a model that embeds: `mean`, scaled to length 1 or not.
    pub embeds: Option<(&'static str, bool)>,
    /// What kind of tokenizer there is, in words.
    pub tokenizer: &'static str,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub control_tokens: usize,
    /// Whether the model has a chat template of its own.
    pub has_template: bool,
    /// Bytes that the packed weights will take in memory, within a percent or so.
    pub weight_bytes: u64,
    /// Bytes of keys and values that a sequence of the whole context takes.
    pub context_kv_bytes: u64,
}

/// Tensors of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeShare {
    /// As GGUF writes it.
    pub name: &'static str,
    pub tensors: usize,
    pub bytes: u64,
}

impl Inspection {
    /// Reads everything but the weights of a GGUF file or a Hugging Face folder.
    ///
    /// # Errors
    /// See [`LoadError`]: as loading would say it.
    pub fn of(path: &Path) -> Result<Self, LoadError> {
        let files = ModelFiles::open(path)?;
        let description = Description::read(&files)?;
        ChatTemplate::or_chat_ml(description.chat_template.as_deref())?;
        let mut info = ModelInfo::of(path, &files, &description)?;
        let main_type = description.main_type(&files)?;
        let Description { computes, tokenizer, chat_template, .. } = description;
        if let Architecture::Decoder(spec, _) = &computes {
            info.kv_bytes_per_token = kv_bytes_per_token(spec, KvPrecision::for_weights(main_type))?;
        }
        Ok(Self {
            format: match &files {
                ModelFiles::Gguf(file) => format!("GGUF version {}", file.version()),
                ModelFiles::Folder(_) => "Hugging Face folder".to_owned(),
            },
            types: types(files.tensors()),
            positions: positions(&computes),
            embeds: match &computes {
                Architecture::Encoder(spec, _) => Some((spec.sentence.pooling.name(), spec.sentence.normalize)),
                Architecture::Decoder(..) => None,
            },
            tokenizer: tokenizer.summary(),
            bos: tokenizer.bos(),
            eos: tokenizer.eos(),
            control_tokens: tokenizer.controls().count(),
            has_template: chat_template.is_some(),
            weight_bytes: packed_bytes(&files, &computes),
            context_kv_bytes: info.kv_bytes_per_token * u64::from(info.context_length),
            info,
        })
    }
}

fn types(tensors: &[TensorInfo]) -> Vec<TypeShare> {
    let mut by_name: BTreeMap<&'static str, TypeShare> = BTreeMap::new();
    for tensor in tensors {
        let name = type_name(tensor.weight_type);
        let share = by_name.entry(name).or_insert(TypeShare { name, tensors: 0, bytes: 0 });
        share.tensors += 1;
        share.bytes += tensor.byte_len() as u64;
    }
    let mut shares: Vec<TypeShare> = by_name.into_values().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    shares
}

fn positions(computes: &Architecture) -> String {
    let spec = match computes {
        Architecture::Encoder(spec, _) => return format!("learned, {} of them", spec.position_count),
        Architecture::Decoder(spec, _) => spec,
    };
    let ropes = spec.ropes.iter().map(|rope| {
        if let Some(long) = &rope.long {
            let original = long.original_context;
            return format!("rotary, theta {}, longrope with other factors beyond {original} tokens", rope.theta);
        }
        let scaling = match (&rope.factors, &rope.scaling) {
            (Some(_), _) | (None, RopeScaling::Factors(_) | RopeScaling::LongRope { .. }) => {
                "scaled by the model's own factors".to_owned()
            }
            (None, RopeScaling::None) => "unscaled".to_owned(),
            (None, RopeScaling::Linear(factor)) => format!("scaled linearly by {factor}"),
            (None, RopeScaling::Llama3 { factor, .. }) => format!("scaled by {factor} as Llama 3 does"),
            (None, RopeScaling::Yarn { factor, .. }) => format!("scaled by {factor} as YaRN does"),
        };
        format!("rotary, theta {}, {scaling}", rope.theta)
    });
    ropes.collect::<Vec<_>>().join("; ")
}

/// Matrices are packed in their own type or in one that holds the same values; the tables that rows are looked up in
/// stay in the file, unless they are the output matrix too.
fn packed_bytes(files: &ModelFiles, computes: &Architecture) -> u64 {
    let is_table = |name: &str| match computes {
        Architecture::Decoder(_, tensors) => tensors.output.is_some() && name == tensors.embedding,
        Architecture::Encoder(_, tensors) => {
            [&tensors.words, &tensors.positions, &tensors.segments].contains(&&name.to_owned())
        }
    };
    let matrices = files.tensors().iter().filter(|tensor| tensor.shape.len() == 2 && !is_table(&tensor.name));
    let bytes = matrices.map(|tensor| {
        let row = tensor.weight_type.packed().row_bytes(tensor.row_len()).unwrap_or(tensor.row_len() * 4);
        (row * (tensor.len / tensor.row_len().max(1))) as u64
    });
    bytes.sum()
}
