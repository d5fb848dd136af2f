//! What a model's files say about it, before any weight is read.

use realm_kernels::WeightType;
use serde_json::Value;

use crate::architectures::{self, Architecture};
use crate::chat_template::ChatTemplate;
use crate::gguf::GgufFile;
use crate::huggingface::{Folder, FolderError};
use crate::load::LoadError;
use crate::model_files::ModelFiles;
use crate::tensors::WeightsError;
use crate::tokenizer::{Tokenizer, Vocabulary};

/// A model without its weights.
pub struct Description {
    /// The name that the files give it, if they do.
    pub name: Option<String>,
    /// As the files call it.
    pub architecture: String,
    pub computes: Architecture,
    pub tokenizer: Tokenizer,
    /// The chat template's source, if there is one.
    pub chat_template: Option<String>,
}

impl Description {
    /// Reads everything but the weights.
    ///
    /// # Errors
    /// See [`LoadError`]: what is not supported, does not make sense, or belongs to another model.
    pub fn read(files: &ModelFiles) -> Result<Self, LoadError> {
        match files {
            ModelFiles::Gguf(file) => Self::of_gguf(file),
            ModelFiles::Folder(folder) => Self::of_folder(folder),
        }
    }

    /// The type that the layers' matrices are stored in, by the first of them.
    ///
    /// # Errors
    /// [`WeightsError::Missing`].
    pub fn main_type(&self, files: &ModelFiles) -> Result<WeightType, WeightsError> {
        let name = self.computes.main_matrix();
        let tensor = files.tensor(name).ok_or_else(|| WeightsError::Missing { name: name.to_owned() })?;
        Ok(tensor.weight_type)
    }

    fn of_gguf(file: &GgufFile) -> Result<Self, LoadError> {
        let computes = architectures::of_file(file)?;
        let metadata = file.metadata();
        let architecture = metadata.str("general.architecture")?.unwrap_or_default().to_owned();
        if let Some(name) = computes.first_stranger(file.tensors().iter().map(|tensor| tensor.name.as_str())) {
            return Err(LoadError::UnknownTensor { name: name.to_owned(), architecture });
        }
        Ok(Self {
            name: metadata.str("general.name")?.map(str::to_owned),
            architecture,
            computes,
            tokenizer: Tokenizer::from_vocabulary(Vocabulary::from_metadata(&metadata)?)?,
            chat_template: metadata.str("tokenizer.chat_template")?.map(str::to_owned),
        })
    }

    fn of_folder(folder: &Folder) -> Result<Self, LoadError> {
        let (architecture, computes) = architectures::of_folder(folder)?;
        let is_read = |name: &&str| !architectures::is_left_over(&computes, name);
        if let Some(other) = folder.others().iter().find(|other| is_read(&other.name.as_str())) {
            return Err(LoadError::TensorType { name: other.name.clone(), dtype: other.dtype.clone() });
        }
        let names = folder.tensors().iter().map(|tensor| tensor.name.as_str()).filter(is_read);
        if let Some(name) = computes.first_stranger(names) {
            return Err(LoadError::UnknownTensor { name: name.to_owned(), architecture });
        }
        let tokenizer_config = folder.settings("tokenizer_config.json")?.unwrap_or_default();
        let mut tokenizer = tokenizer_of(folder, &tokenizer_config)?;
        let generation_config = folder.settings("generation_config.json")?.unwrap_or_default();
        tokenizer.add_end_tokens(end_tokens("generation_config.json", &generation_config)?);
        tokenizer.add_end_tokens(end_tokens("config.json", folder.config())?);
        let in_config = || ChatTemplate::source_in_config(&tokenizer_config).map(str::to_owned);
        Ok(Self {
            name: Some(folder.name()).filter(|name| !name.is_empty()),
            architecture,
            computes,
            tokenizer,
            chat_template: folder.text("chat_template.jinja")?.or_else(in_config),
        })
    }
}

/// From tokenizer.json; older folders of encoders have the list of their word pieces only.
fn tokenizer_of(folder: &Folder, config: &Value) -> Result<Tokenizer, LoadError> {
    let tokenizer = match folder.tokenizer() {
        Ok(json) => Tokenizer::from_tokenizer_json(&json, config)?,
        Err(missing @ FolderError::Missing { .. }) => {
            let pieces = folder.text("vocab.txt")?.ok_or(missing)?;
            Tokenizer::from_word_pieces(&pieces, config)?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(tokenizer)
}

/// The tokens that end a text, as one of a folder's files says: none, one or several.
fn end_tokens(file: &'static str, settings: &Value) -> Result<Vec<u32>, LoadError> {
    let field = &settings["eos_token_id"];
    let one = std::slice::from_ref(field);
    let tokens = match field {
        Value::Null => &[],
        Value::Array(several) => &several[..],
        _ => one,
    };
    let read = |token: &Value| {
        let token = token.as_u64().and_then(|token| u32::try_from(token).ok());
        token.ok_or_else(|| LoadError::EndTokens { file, value: field.to_string() })
    };
    tokens.iter().map(read).collect()
}
