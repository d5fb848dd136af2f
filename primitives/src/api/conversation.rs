//! Looking after remembered conversations; `RealmApi::chat` goes on with them.

use crate::types::{ConversationExport, ConversationPage, ConversationTurn, RuntimeError};
use alloc::{string::String, vec::Vec};

crate::decl_runtime_apis! {
    /// The tenant's remembered conversations.
    pub trait ConversationApi {
        /// Names of conversations in byte order, a page at a time: those after the name `after`, at most
        /// `limit` (1 to 1000, default 100).
        fn list_conversations(after: Option<String>, limit: Option<u32>) -> Result<ConversationPage, RuntimeError>;
        /// All turns of a conversation, also those that the model is no longer shown.
        fn export_conversation(conversation: String) -> Result<ConversationExport, RuntimeError>;
        /// Makes a conversation of these turns; there must be none of this name. Answers how many turns it has.
        fn import_conversation(conversation: String, turns: Vec<ConversationTurn>) -> Result<u32, RuntimeError>;
        /// Makes the conversation `to` of the first `turns` turns of another; of all, if nobody says how
        /// many. Answers how many turns it has.
        fn fork_conversation(conversation: String, to: String, turns: Option<u32>) -> Result<u32, RuntimeError>;
        /// Forgets a conversation. Answers whether there was one.
        fn delete_conversation(conversation: String) -> Result<bool, RuntimeError>;
    }
}
