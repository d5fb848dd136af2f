//! What `decl_runtime_apis!` and `impl_runtime_apis!` expand to, and the APIs that every blob has.
//!
//! - [`ApiDeclaration`]: what a declaration says, as constant data.
//! - [`RuntimeApis`]: which APIs a runtime implements.
//! - [`RuntimeCaller`], [`CallError`]: typed calls from outside the sandbox.
//! - [`NativeDispatch`]: the same calls without a sandbox, for tests of runtime code.
//! - [`Core`], [`Metadata`], [`RealmApi`], [`ConversationApi`]: the declared APIs, each with its `..Caller`.

mod caller;
mod conversation;
mod declaration;
mod invoke;
mod realm;
mod standard;

pub use caller::{CallError, RuntimeCaller, call_typed};
pub use conversation::{ConversationApi, ConversationApiCaller};
pub use declaration::{
    ApiDeclaration, ArgumentDeclaration, MethodDeclaration, RuntimeApis, SECTION_ENTRY_BYTES, StreamDeclaration,
    section_bytes,
};
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use invoke::export;
pub use invoke::{InvokeError, NativeDispatch, invoke};
pub use realm::{RealmApi, RealmApiCaller};
pub use standard::{Core, CoreCaller, Metadata, MetadataCaller};
