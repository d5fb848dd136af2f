//! Realm's CPU kernels: everything heavy that the engine does to numbers.
//!
//! The crate knows shapes and bytes, not models: no files, no tokens, no scheduler. Its parts, in
//! the order a forward pass meets them:
//!
//! | part | what it is |
//! |---|---|
//! | [`Pool`] | persistent threads and the instruction set ([`Isa`]) every kernel runs on |
//! | [`WeightType`], [`Matrix`] | GGUF rows, repacked once into tiles of 16 output rows |
//! | [`Activations`] | a matrix input, quantised once and read by every matrix of its kind |
//! | [`matmul`], [`matmul_gated`] | `out[m][n] = x[m][k] · w[n][k]`, and the gate/up pair with its activation fused |
//! | [`rms_norm`], [`layer_norm`], [`add`], [`activate`], [`gated`], [`softmax`], [`softcap`] .. | row operations, on [`Rows`] and [`RowsMut`] |
//! | [`RopeFrequencies`], [`RopeAngles`], [`rope`] | rotary positions |
//! | [`KvLayout`], [`write_kv`], [`attention`] | paged key-value blocks and attention over them |
//! | [`top_k`], [`argmax`] | choosing among logits without a softmax of them all |
//! | [`read_only`] | the memory bandwidth that products are measured against |
//!
//! # The same bits every time
//!
//! A row's result depends on that row alone. Every reduction has one order, fixed by the row's own
//! length; neither the number of rows, nor a row's place among them, nor the number of threads
//! enters it. All instruction sets compute with the same sixteen lanes, the same fused
//! multiply-adds and the same reduction trees, so they too agree to the bit.
//!
//! # Errors
//!
//! Public functions check every length before they touch memory and return [`ShapeError`] (or
//! [`PackError`] for weights). They do not panic on bad sizes.
//!
//! # Example
//!
//! ```
//! use realm_kernels::{Activations, Layout, Matrix, Pool, Rows, WeightType, matmul};
//!
//! let pool = Pool::new(2);
//! // Two output rows of four weights.
//! let weights: Vec<u8> = [1.0f32, 2.0, 3.0, 4.0, 0.0, 1.0, 0.0, 1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
//! let matrix = Matrix::pack(WeightType::F32, 2, 4, &[&weights], Layout::Stacked)?;
//!
//! let mut activations = Activations::new();
//! activations.prepare(&pool, Rows::whole(&[1.0, 1.0, 1.0, 1.0], 1)?, matrix.input())?;
//! let mut out = [0.0; 2];
//! matmul(&pool, &matrix, &activations, &mut out)?;
//! assert_eq!(out, [10.0, 2.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// A kernel indexes several arrays of registers by the same constants.
#![allow(clippy::needless_range_loop)]

mod activations;
mod attention;
mod elementwise;
mod error;
mod formats;
mod isa;
mod math;
mod matmul;
mod matrix;
mod memory;
mod norm;
mod pool;
mod read;
mod rope;
mod rows;
mod select;
mod simd;
mod softmax;
mod weight_type;

pub use activations::{Activations, InputKind};
pub use attention::{AttentionOptions, AttentionRow, KvArena, KvLayout, KvType, attention, write_kv};
pub use elementwise::{Gate, activate, add, add_bias, gated, scale, softcap};
pub use error::{PackError, ShapeError};
pub use formats::dequantize_row;
pub use isa::{Isa, Level};
pub use matmul::{matmul, matmul_gated};
pub use matrix::{Layout, Matrix};
pub use memory::Memory;
pub use norm::{layer_norm, rms_norm, rms_norm_heads};
pub use pool::Pool;
pub use read::read_only;
pub use rope::{RopeAngles, RopeFrequencies, RopeScaling, RopeStyle, rope};
pub use rows::{Rows, RowsMut};
pub use select::{argmax, top_k};
pub use softmax::softmax;
pub use weight_type::WeightType;
