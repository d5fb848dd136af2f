//! What tests against a real node share: a node in this process with a tiny model made on the spot,
//! and raw frames over a real socket.
//!
//! - [`TinyNode`]: a node, its model's folder, and the time nothing should take.
//! - [`Socket`]: one WebSocket, frames in and out as they are.
//! - [`blob`]: runtimes written in WAT, whose few functions do what a test needs.

pub mod blob;
mod node;
mod socket;

pub use node::{HANG, TinyNode, tiny_config, write_model};
pub use socket::{Http, Socket};
