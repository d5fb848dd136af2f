//! The runtime, its version, and the APIs it implements: those of the default runtime as they are, and yours.

use crate::{chat, generation, mine};
use alloc::{string::String, vec::Vec};
use realm_primitives::{
    ChatMessage, ChatResult, F32, GenerateOptions, GenerateResult, HealthStatus, ModelInfo, RuntimeError, RuntimeVersion, TokenEvent,
    abi::HostErrorCode,
    api::{Core, RealmApi},
    host::inference,
};

/// The runtime. Its `spec_version` grows with every upgrade.
pub(crate) struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        impl_name: "my-runtime",
        authoring_version: 1,
        spec_version: 2,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

realm_primitives::decl_runtime_apis! {
    /// Yours.
    pub trait MyApi {
        /// How many words a text has.
        fn count_words(text: String) -> Result<u32, RuntimeError>;
    }
}

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            Runtime::runtime_version()
        }

        // Version 1 stored everything as this one does.
        fn migrate(_from_spec_version: u32) -> Result<(), RuntimeError> {
            Ok(())
        }
    }

    impl RealmApi for Runtime {
        fn generate(prompt: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError> {
            generation::complete(&prompt, &options, generation::Streaming::No)
        }

        fn stream_generate(prompt: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError> {
            generation::complete(&prompt, &options, generation::Streaming::IfRead)
        }

        fn chat(
            message: Option<String>,
            messages: Option<Vec<ChatMessage>>,
            conversation: Option<String>,
            options: GenerateOptions,
        ) -> Result<ChatResult, RuntimeError> {
            chat::chat(message, messages, conversation, &options)
        }

        fn embed(text: String) -> Result<Vec<F32>, RuntimeError> {
            if text.is_empty() {
                return Err(RuntimeError::InvalidParams { field: "text".into(), message: "must not be empty".into() });
            }
            Ok(inference::embed_pooled(&text)?.into_iter().map(F32::from).collect())
        }

        fn get_model_info() -> Result<ModelInfo, RuntimeError> {
            let facts = inference::model_info()?;
            let version = Runtime::runtime_version();
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

        fn health_check() -> Result<HealthStatus, RuntimeError> {
            let version = Runtime::runtime_version();
            let (healthy, model) = match inference::model_info() {
                Ok(facts) => (true, facts.name),
                // A runtime without a model runs, and says that it cannot answer.
                Err(error) if error.code == HostErrorCode::ModelUnavailable => (false, String::new()),
                Err(error) => return Err(error.into()),
            };
            Ok(HealthStatus { healthy, model, spec_name: version.spec_name, spec_version: version.spec_version })
        }
    }

    impl MyApi for Runtime {
        fn count_words(text: String) -> Result<u32, RuntimeError> {
            Ok(mine::count_words(&text))
        }
    }
}
