//! The macros with which a runtime says what can be called in it.
//!
//! An API is *declared* once, as a trait, and *implemented* by each runtime. Everything that node,
//! metadata, clients and tests need to know about it is derived from that one declaration:
//!
//! ```text
//!   decl_runtime_apis! { trait RealmApi { fn generate(prompt: String, ..) -> ..; } }
//!        ├── trait RealmApi              associated functions, no `self`
//!        ├── RealmApi::DECLARATION       id, version, names, docs and types: the metadata entry
//!        └── RealmApiCaller<C>           typed calls from the host, over any `RuntimeCaller`
//!
//!   impl_runtime_apis! { impl RealmApi for Runtime { .. } impl Core for Runtime { .. } }
//!        ├── the impls, and `Metadata` unless it is written out
//!        ├── RuntimeApis, NativeDispatch for Runtime
//!        ├── wasm32: exports RealmApi_generate(ptr: i32, len: i32) -> i64, ..
//!        └── wasm32: custom section `runtime_apis`
//!
//!   runtime_version! { Runtime { spec_name: "realm", .. } }
//!        ├── Runtime::runtime_version(), Runtime::SPEC_VERSION
//!        └── wasm32: custom section `runtime_version`
//! ```
//!
//! The expansions name only `::realm_primitives::..`, so they work in any crate, `no_std` ones
//! included, that depends on `realm-primitives` under that name. Misuse is a compile error at the
//! offending token that says what to write instead; `tests/ui` holds one case of each.

#![forbid(unsafe_code)]

mod declare;
mod implement;
mod signature;
mod version;

use proc_macro::TokenStream;

/// Declares runtime APIs.
///
/// Takes one or more traits. Each method is an associated function: no `self`, no generics, owned
/// arguments of types that are `Encode + Decode + TypeInfo`, and a declared return type.
/// `#[api_version(n)]` on the trait sets its version (default 1); `#[stream(Item)]` on a method
/// says that it emits values of `Item` before it returns.
///
/// ```
/// use realm_primitives::types::{GenerateOptions, GenerateResult, RuntimeError, TokenEvent};
///
/// realm_primitives::decl_runtime_apis! {
///     /// Writes stories.
///     #[api_version(2)]
///     pub trait StoryApi {
///         /// Writes one story about `subject`.
///         #[stream(TokenEvent)]
///         fn tell(subject: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError>;
///     }
/// }
/// ```
#[proc_macro]
pub fn decl_runtime_apis(input: TokenStream) -> TokenStream {
    declare::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements declared runtime APIs for one runtime type, and exports them from the wasm blob.
///
/// Takes `impl Api for Runtime` blocks, one per API, all in one invocation. `Core` is required, for
/// the node asks every blob for its version; `Metadata` is supplied unless it is written out.
#[proc_macro]
pub fn impl_runtime_apis(input: TokenStream) -> TokenStream {
    implement::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// States a runtime's version, once, for `Core::version` and for the blob's custom section.
///
/// Every value is a literal, because the section is encoded while the macro expands.
///
/// ```
/// # struct Runtime;
/// # impl realm_primitives::api::RuntimeApis for Runtime {
/// #     const DECLARATIONS: &'static [realm_primitives::api::ApiDeclaration] = &[];
/// # }
/// realm_primitives::runtime_version! {
///     Runtime {
///         spec_name: "realm",
///         impl_name: "realm",
///         authoring_version: 1,
///         spec_version: 1,
///         impl_version: 1,
///         transaction_version: 1,
///         state_version: 1,
///     }
/// }
/// assert_eq!(Runtime::runtime_version().spec_version, Runtime::SPEC_VERSION);
/// ```
#[proc_macro]
pub fn runtime_version(input: TokenStream) -> TokenStream {
    version::expand(input.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
