//! What the node knows of a runtime: the functions that its metadata names, their types, and how
//! JSON becomes SCALE and SCALE becomes JSON by those types alone. No function name is written here.
//!
//! ```text
//!            blob's metadata                  {"prompt":"Hi","max_tokens":5}
//!                  │                                       │
//!   Metadata::decode (model)                  Function::encode_arguments (transcode)
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
    Field, Function, FunctionName, IntegerWidth, LoadError, Metadata, MetadataHash, Parameter, ResolveError, Shape,
    TypeEntry, TypeId, Types, Variant,
};
pub use transcode::{DEPTH_MAX, DecodeError, EncodeError, Outcome, RuntimeFailure};
