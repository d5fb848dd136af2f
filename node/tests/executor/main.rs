//! The executor at its boundary: blobs written as WAT go in, answers and errors come out.
//!
//! - `blob`: makes blobs. `guest`: an executor and a tenant to call them with.
//! - `script`: a blob that interprets a list of host calls, so that a test can make any host call
//!   with any numbers and see what it answers.

mod blob;
mod guest;
mod script;

mod compiler;
mod hostile;
mod imports;
mod models;
mod refusals;
mod sandbox;
mod speculation;
mod storage;
mod tensors;
mod vectors;
