//! Metadata, decoded and checked once, so that nothing that reads it later can meet a type that is
//! not there.

mod case;
mod function;
mod load;
mod metadata;
mod names;
mod resolve;
mod types;

pub use function::{Function, FunctionName, Parameter};
pub use load::LoadError;
pub use metadata::{Metadata, MetadataHash};
pub use resolve::ResolveError;
pub use types::{Field, IntegerWidth, Shape, TypeEntry, TypeId, Types, Variant};

pub(crate) use case::{folded, screaming, snake};
pub(crate) use resolve::nearest;
