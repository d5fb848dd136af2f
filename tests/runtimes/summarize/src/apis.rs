//! The runtime and the APIs it implements: those of version 1, a migration, and one more.

use crate::{chat, conversations, generation, info, stored, summarize};
use alloc::{string::String, vec::Vec};
use parity_scale_codec::{Decode, Encode};
use realm_primitives::{
    ChatMessage, ChatResult, ConversationExport, ConversationPage, ConversationTurn, F32, FinishReason,
    GenerateOptions, GenerateResult, HealthStatus, ModelInfo, NanoUsd, Receipt, RuntimeError, RuntimeVersion,
    TokenEvent, WhenFull,
    api::{ConversationApi, Core, RealmApi},
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

        fn migrate(from_spec_version: u32) -> Result<(), RuntimeError> {
            stored::migrate(from_spec_version)
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
            when_full: Option<WhenFull>,
        ) -> Result<ChatResult, RuntimeError> {
            chat::chat(message, messages, conversation, &options, when_full)
        }

        fn embed(text: String) -> Result<Vec<F32>, RuntimeError> {
            info::embed(&text)
        }

        fn get_model_info() -> Result<ModelInfo, RuntimeError> {
            info::model_info(Runtime::runtime_version())
        }

        fn health_check() -> Result<HealthStatus, RuntimeError> {
            info::health(Runtime::runtime_version())
        }
    }

    impl ConversationApi for Runtime {
        fn list_conversations(after: Option<String>, limit: Option<u32>) -> Result<ConversationPage, RuntimeError> {
            conversations::list(after, limit)
        }

        fn export_conversation(conversation: String) -> Result<ConversationExport, RuntimeError> {
            conversations::export(conversation)
        }

        fn import_conversation(conversation: String, turns: Vec<ConversationTurn>) -> Result<u32, RuntimeError> {
            conversations::import(conversation, turns)
        }

        fn fork_conversation(conversation: String, to: String, turns: Option<u32>) -> Result<u32, RuntimeError> {
            conversations::fork(conversation, to, turns)
        }

        fn delete_conversation(conversation: String) -> Result<bool, RuntimeError> {
            conversations::delete(conversation)
        }
    }

    impl SummaryApi for Runtime {
        fn summarize(text: String, sentences: Option<u32>) -> Result<Summary, RuntimeError> {
            summarize::summarize(&text, sentences)
        }
    }
}
