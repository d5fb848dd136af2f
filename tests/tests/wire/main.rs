//! The wire against a real node with a real, tiny model: raw frames in, raw frames out.

mod bad_input;
mod calls;
mod isolation;
mod methods;
mod models;
mod shutdown;
mod status;
mod streams;
