//! The functions of the default runtime. Declared here and not in the runtime, so that clients and
//! tests in Rust can call it typed without linking it; a runtime may declare others beside it.

use crate::types::{
    ChatMessage, ChatResult, F32, GenerateOptions, GenerateResult, HealthStatus, ModelInfo, RuntimeError, TokenEvent,
    WhenFull,
};
use alloc::{string::String, vec::Vec};

crate::decl_runtime_apis! {
    /// Inference.
    #[api_version(2)]
    pub trait RealmApi {
        /// Continues a prompt.
        fn generate(prompt: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError>;
        /// Continues a prompt and streams the text as it becomes certain.
        #[stream(TokenEvent)]
        fn stream_generate(prompt: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError>;
        /// Answers the last message. `message` goes on with a remembered conversation: the one named by
        /// `conversation`, else the connection's own. `messages` holds a whole conversation, and nothing
        /// is remembered unless `conversation` names one. A conversation that no longer fits in the model's
        /// context is an error, unless `when_full` says otherwise.
        #[stream(TokenEvent)]
        fn chat(
            message: Option<String>,
            messages: Option<Vec<ChatMessage>>,
            conversation: Option<String>,
            options: GenerateOptions,
            when_full: Option<WhenFull>,
        ) -> Result<ChatResult, RuntimeError>;
        /// The embedding vector of a text, of length 1.
        fn embed(text: String) -> Result<Vec<F32>, RuntimeError>;
        /// The tenant's model and the runtime that answers.
        fn get_model_info() -> Result<ModelInfo, RuntimeError>;
        /// Whether the runtime runs and its model is loaded.
        fn health_check() -> Result<HealthStatus, RuntimeError>;
    }
}
