//! The node: it serves JSON-RPC and runs runtimes, whose functions it finds by their metadata.
//!
//! ```text
//!  server ─► methods ─► dispatcher ─► admission ─► executor ─► sandbox
//!                          │             ▲
//!              runtimes ◄──┴──► tenants ─┘      events: what a call emits, back to its subscriber
//! ```
//!
//! - [`service`]: from a configuration to a running [`Node`].
//! - [`server`], [`connection`]: the port, and what is known of who comes in by it.
//! - [`auth`]: who that is, and what it may do.
//! - [`methods`]: the JSON-RPC methods. [`console`]: a page for people.
//! - [`web`], [`openai`]: what HTTP routes share, and OpenAI's API.
//! - [`dispatcher`], [`admission`], [`events`]: the life of a call.
//! - [`tenants`], [`runtimes`]: who may call, and what answers.
//! - [`executor`]: runs sandboxes.
//! - [`chain`], [`upgrade`], [`substrate`]: which runtime is in force, changing it, and what stock clients see of it.
//! - [`metering`]: what tenants use and are charged.
//! - [`metrics`], [`drain`]: counting, and stopping.
//! - [`bench`]: measuring a model on this machine.
//! - [`cli`]: the `realm` command.

pub mod admission;
pub mod auth;
pub mod bench;
pub mod chain;
pub mod cli;
pub mod connection;
pub mod console;
pub mod dispatcher;
pub mod drain;
pub mod events;
mod excerpt;
pub mod executor;
mod log_limit;
mod memory;
pub mod metering;
pub mod methods;
pub mod metrics;
mod millis;
pub mod openai;
pub mod runtimes;
pub mod server;
pub mod service;
pub mod substrate;
pub mod tenants;
pub mod upgrade;
pub mod web;

pub use service::{Node, NodeConfig, StartError};
