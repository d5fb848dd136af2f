//! What a runtime says of itself and of its model.

use alloc::{string::String, vec::Vec};
use realm_primitives::{
    F32, HealthStatus, ModelInfo, RuntimeError, RuntimeVersion, abi::HostErrorCode, host::inference,
};

/// The embedding vector of a text.
pub(crate) fn embed(text: &str) -> Result<Vec<F32>, RuntimeError> {
    if text.is_empty() {
        return Err(RuntimeError::InvalidParams { field: "text".into(), message: "must not be empty".into() });
    }
    Ok(inference::embed_pooled(text)?.into_iter().map(F32::from).collect())
}

pub(crate) fn model_info(version: RuntimeVersion) -> Result<ModelInfo, RuntimeError> {
    let facts = inference::model_info()?;
    Ok(ModelInfo {
        name: facts.name,
        architecture: facts.architecture,
        quantization: facts.quantization,
        parameter_count: facts.parameter_count,
        context_length: facts.context_length,
        vocabulary_length: facts.vocabulary_length,
        embedding_length: facts.embedding_vector_length,
        embedding_source: facts.embedding_source,
        chat_template: facts.chat_template,
        model_hash: facts.model_hash,
        spec_name: version.spec_name,
        spec_version: version.spec_version,
    })
}

pub(crate) fn health(version: RuntimeVersion) -> Result<HealthStatus, RuntimeError> {
    let (healthy, model) = match inference::model_info() {
        Ok(facts) => (true, facts.name),
        // A runtime without a model runs, and says that it cannot answer.
        Err(error) if error.code == HostErrorCode::ModelUnavailable => (false, String::new()),
        Err(error) => return Err(error.into()),
    };
    Ok(HealthStatus { healthy, model, spec_name: version.spec_name, spec_version: version.spec_version })
}
