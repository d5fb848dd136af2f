//! The runtime and the APIs it implements. Each function is a few lines that say what it is made of.

use crate::{chat, conversations, generation, info};
use alloc::{string::String, vec::Vec};
use realm_primitives::{
    ChatMessage, ChatResult, ConversationExport, ConversationPage, ConversationTurn, F32, GenerateOptions,
    GenerateResult, HealthStatus, ModelInfo, RuntimeError, RuntimeVersion, WhenFull,
    api::{ConversationApi, Core, RealmApi},
};

/// The default runtime.
pub(crate) struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        impl_name: "realm-runtime",
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        transaction_version: 1,
        state_version: 1,
    }
}

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            Runtime::runtime_version()
        }

        // There is no earlier version whose state could differ, and what version 2 leaves is read as it is.
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
}
