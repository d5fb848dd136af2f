//! The runtime and the APIs it implements: those of version 1 as they were, and one more.

use crate::{chat, generation, summarize};
use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{
    ChatMessage, ChatResult, F32, FinishReason, GenerateOptions, GenerateResult, HealthStatus, ModelInfo, NanoUsd,
    Receipt, RuntimeError, RuntimeVersion, TokenEvent,
    abi::HostErrorCode,
    api::{Core, RealmApi},
    host::inference,
};
use scale_info::TypeInfo;

/// Version 2 of the default runtime.
pub(crate) struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        impl_name: "realm-runtime",
        authoring_version: 1,
        spec_version: 2,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

/// A summary.
#[derive(Clone, PartialEq, Debug, Encode, Decode, TypeInfo)]
pub struct Summary {
    /// The text.
    pub text: String,
    /// Sentences that ended in it.
    pub sentences: u32,
    /// Tokens of the request.
    pub prompt_tokens: u32,
    /// Tokens of the summary.
    pub tokens_generated: u32,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// What it costs.
    pub cost_usd: NanoUsd,
    /// Which code and model made it.
    pub receipt: Receipt,
}

realm_primitives::decl_runtime_apis! {
    /// Making texts shorter.
    pub trait SummaryApi {
        /// A text in so many sentences; in one, if nobody says how many.
        #[stream(TokenEvent)]
        fn summarize(text: String, sentences: Option<u32>) -> Result<Summary, RuntimeError>;
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

    impl SummaryApi for Runtime {
        fn summarize(text: String, sentences: Option<u32>) -> Result<Summary, RuntimeError> {
            summarize::summarize(&text, sentences)
        }
    }
}
