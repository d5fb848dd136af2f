//! Tiny model files for tests, made on the spot.
//!
//! A test that needs a model asks for one here and gets a complete GGUF file of some hundred kilobytes: a llama with
//! seeded random weights, a SentencePiece-style tokenizer with byte fallback, and a chat template. The same
//! [`TinyLlama`] gives the same bytes on every machine, so a test may compare runs, and nothing needs a download.
//!
//! ```
//! use realm_test_models::{Quant, TinyLlama, write_tiny_llama};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("tiny.gguf");
//! write_tiny_llama(&path, &TinyLlama { quant: Quant::Q8_0, layers: 3, ..TinyLlama::default() })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! - [`TinyLlama`] says what the model looks like; [`TinyLlama::tensors`] gives its weights before quantisation, for a
//!   reference computation.
//! - [`Gguf`] writes any GGUF file; tests of readers use it to write odd and damaged ones.
//! - [`hub`] serves files as a model hub does.
//! - [`Quant`] is how the weight matrices are stored.

mod gguf;
pub mod hub;
mod llama;
mod quant;
mod random;
mod vocabulary;

pub use gguf::{Gguf, Tensor, Value};
pub use llama::{CHAT_TEMPLATE, RopeScaling, TinyLlama, write_tiny_llama};
pub use quant::Quant;
pub use random::SplitMix64;
pub use vocabulary::{BOS, END_OF_TURN, EOS, START_OF_TURN, UNKNOWN, VOCABULARY_LEN_MIN, Vocabulary};
