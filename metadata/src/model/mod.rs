//! Metadata, decoded and checked once, so that nothing that reads it later can meet a type that is
//! not there.

mod case;
mod function;
mod limits;
mod load;
mod metadata;
mod names;
mod resolve;
mod types;
mod variants;

pub use function::{Function, FunctionName, Parameter};
pub use limits::{FUNCTIONS_MAX, MEMBERS_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX};
pub use load::LoadError;
pub use metadata::{Metadata, MetadataHash};
pub use resolve::ResolveError;
pub use types::{Field, IntegerWidth, Shape, TypeEntry, TypeId, Types, Variant};
pub use variants::Variants;

pub(crate) use case::{folded, screaming, snake};
pub(crate) use resolve::nearest;
