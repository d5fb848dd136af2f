//! What the node knows of a runtime: the functions that its metadata names, their types, and how
//! JSON becomes SCALE and SCALE becomes JSON by those types alone. No function name is written here.
//!
//! ```text
//!            blob's metadata                  {"prompt":"Hi","max_tokens":5}
//!                  │                                       │
//!   Metadata::decode (model)                  Metadata::encode_arguments (transcode)
//!                  │                                       │
//!   functions, types, hash ────────────────────────────────┤
//!                  │                                       ▼
//!   discovery, OpenRPC, diff (describe)           SCALE for the sandbox, and back
//! ```
//!
//! - [`Metadata`]: decoded and checked metadata; [`Metadata::resolve`] finds a [`Function`] by name.
//! - [`Metadata::encode_arguments`], [`Metadata::decode_return`], [`Metadata::decode_item`]: transcoding.
//! - [`discovery`], [`openrpc`], [`MetadataDiff`]: what is told about a runtime.
//!
//! ```
//! use realm_metadata::{Metadata, Outcome};
//! use realm_primitives::{RuntimeError, RuntimeVersion, api::{Core, NativeDispatch}};
//! use serde_json::json;
//!
//! realm_primitives::decl_runtime_apis! {
//!     pub trait SumApi {
//!         fn sum(left: u32, right: Option<u32>) -> Result<u64, RuntimeError>;
//!     }
//! }
//!
//! struct Runtime;
//! realm_primitives::runtime_version! {
//!     Runtime {
//!         spec_name: "sum", impl_name: "sum", authoring_version: 1, spec_version: 1, impl_version: 1,
//!         transaction_version: 1, state_version: 1,
//!     }
//! }
//! realm_primitives::impl_runtime_apis! {
//!     impl Core for Runtime {
//!         fn version() -> RuntimeVersion { Runtime::runtime_version() }
//!         fn migrate(_: u32) -> Result<(), RuntimeError> { Ok(()) }
//!     }
//!     impl SumApi for Runtime {
//!         fn sum(left: u32, right: Option<u32>) -> Result<u64, RuntimeError> {
//!             Ok(u64::from(left) + u64::from(right.unwrap_or(0)))
//!         }
//!     }
//! }
//!
//! // As the node does it, but without a sandbox.
//! let opaque = <Runtime as realm_primitives::api::Metadata>::metadata();
//! let metadata = Metadata::decode(&opaque.0)?;
//! let sum = metadata.resolve("sum")?;
//! let arguments = metadata.encode_arguments(sum, &json!({"left": 1, "right": 2}))?;
//! let answer = Runtime::dispatch(sum.name.full(), &arguments)?;
//! assert_eq!(metadata.decode_return(sum, &answer)?, Outcome::Value(json!(3)));
//!
//! let error = metadata.encode_arguments(sum, &json!({"left": -1})).unwrap_err();
//! assert_eq!(error.to_string(), "left: must be from 0 to 4294967295, got number -1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # JSON of SCALE types
//!
//! | type | JSON |
//! |---|---|
//! | integers | number; 64 and 128 bits also as decimal string, and given so beyond 2^53 |
//! | bool, char, str | boolean, string of one character, string |
//! | `Vec<u8>`, `[u8; N]` | `"0x.."` |
//! | `Vec<T>`, `[T; N]`, tuples | array |
//! | struct with named fields | object; fields that are optional may be left out |
//! | struct with one unnamed field | as that field |
//! | `Option<T>` | null or `T`; `{"some": ..}` where `T` itself may be null |
//! | enum | `"variant"`, or `{"variant": fields}`, in snake_case; any case is accepted |
//! | map | object if its keys are strings, else array of pairs |
//! | `F32` | number; not-a-number and infinities are refused, and given as null |
//! | `Milli`, `SignedMilli`, `NanoUsd` | number of units; thousandths or billionths in SCALE |
//! | `()` and empty structs | null |

#![forbid(unsafe_code)]

mod describe;
mod model;
mod transcode;

pub use describe::{ApiInfo, Change, Changes, DiscoveryHeader, MetadataDiff, discovery, openrpc};
pub use model::{
    FUNCTIONS_MAX, Field, Function, FunctionName, IntegerWidth, LoadError, MEMBERS_MAX, Metadata, MetadataHash,
    NAME_BYTES_MAX, PATH_BYTES_MAX, Parameter, ResolveError, Shape, TypeEntry, TypeId, Types, Variant, Variants,
};
pub use transcode::{
    ANSWER_JSON_BYTES_MAX, ANSWER_TREE_BYTES_MAX, DEPTH_MAX, DecodeError, EncodeError, ITEM_JSON_BYTES_MAX,
    ITEM_TREE_BYTES_MAX, Outcome, RuntimeFailure,
};
