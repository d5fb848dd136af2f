//! The tiny llama itself: sizes, weights, metadata.

use std::io;
use std::path::Path;

use crate::gguf::{Gguf, Tensor, Value};
use crate::quant::Quant;
use crate::random::SplitMix64;
use crate::vocabulary::{BOS, EOS, UNKNOWN, VOCABULARY_LEN_MIN, Vocabulary};

/// ChatML, as the file carries it.
pub const CHAT_TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + \
    message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// How the rotary frequencies are stretched.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RopeScaling {
    /// As trained.
    #[default]
    None,
    /// Positions are divided by the factor.
    Linear(f32),
    /// Every frequency is divided by its own factor, kept in the tensor `rope_freqs.weight` (as Llama 3.1 files do);
    /// one factor for each pair of a head.
    Factors(Vec<f32>),
}

/// What the model looks like. The default is two layers of 64 values with grouped queries, 512 tokens, f32: under half
/// a megabyte.
#[derive(Clone, Debug, PartialEq)]
pub struct TinyLlama {
    /// All weights follow from it.
    pub seed: u64,
    pub layers: usize,
    /// Values per position: a multiple of `heads`.
    pub hidden: usize,
    /// Query heads, of `hidden / heads` values each (an even number).
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of the feed-forward layer.
    pub feed_forward: usize,
    /// Tokens, at least [`VOCABULARY_LEN_MIN`].
    pub vocab: usize,
    /// The longest sequence, in tokens.
    pub context_length: usize,
    pub rope_theta: f32,
    pub rope_scaling: RopeScaling,
    /// Whether the embedding table serves as the output matrix too (then the file has no `output.weight`).
    pub tied: bool,
    /// Whether Q, K and V have biases.
    pub qkv_bias: bool,
    pub quant: Quant,
    /// `None` leaves the template out of the file.
    pub chat_template: Option<String>,
}

impl Default for TinyLlama {
    fn default() -> Self {
        Self {
            seed: 1,
            layers: 2,
            hidden: 64,
            heads: 4,
            kv_heads: 2,
            feed_forward: 128,
            vocab: 512,
            context_length: 256,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::None,
            tied: false,
            qkv_bias: false,
            quant: Quant::F32,
            chat_template: Some(CHAT_TEMPLATE.to_owned()),
        }
    }
}

/// Writes the model's file.
///
/// # Errors
/// `InvalidInput` where the sizes do not fit each other (the message says which), or what the file system reports.
pub fn write_tiny_llama(path: &Path, model: &TinyLlama) -> io::Result<()> {
    std::fs::write(path, model.gguf()?.to_bytes())
}

impl TinyLlama {
    /// The file before it is written, for tests that change something in it.
    ///
    /// # Errors
    /// `InvalidInput` where the sizes do not fit each other.
    pub fn gguf(&self) -> io::Result<Gguf> {
        let mut file = Gguf::new();
        file.set("general.architecture", "llama");
        file.set("general.name", format!("tiny-llama-{}", self.seed).as_str());
        file.set("general.file_type", Value::U32(self.quant.gguf_file_type()));
        let mut size = |key: &str, value: usize| file.set(&format!("llama.{key}"), Value::U32(value as u32));
        size("vocab_size", self.vocab);
        size("context_length", self.context_length);
        size("embedding_length", self.hidden);
        size("block_count", self.layers);
        size("feed_forward_length", self.feed_forward);
        size("attention.head_count", self.heads);
        size("attention.head_count_kv", self.kv_heads);
        size("rope.dimension_count", self.hidden / self.heads.max(1));
        file.set("llama.rope.freq_base", Value::F32(self.rope_theta));
        file.set("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
        if let RopeScaling::Linear(factor) = self.rope_scaling {
            file.set("llama.rope.scaling.type", "linear");
            file.set("llama.rope.scaling.factor", Value::F32(factor));
        }
        self.set_tokenizer(&mut file)?;
        for tensor in self.tensors()? {
            file.push(tensor);
        }
        Ok(file)
    }

    /// The vocabulary that goes into the file.
    ///
    /// # Errors
    /// `InvalidInput` below [`VOCABULARY_LEN_MIN`].
    pub fn vocabulary(&self) -> io::Result<Vocabulary> {
        Vocabulary::new(self.vocab)
            .ok_or_else(|| invalid(format!("vocab is {}, at least {VOCABULARY_LEN_MIN} are needed", self.vocab)))
    }

    /// The weights before quantisation, in the file's order and layout.
    ///
    /// A matrix's values are uniform with variance 1 / columns, so that activations keep their size from layer to layer
    /// and attention is not drowned by the residual. The output rows of unknown and control tokens are zero, so that a
    /// greedy stream does not end by chance (a tied model has no such rows).
    ///
    /// # Errors
    /// `InvalidInput` where the sizes do not fit each other.
    pub fn tensors(&self) -> io::Result<Vec<Tensor>> {
        self.check()?;
        let vocabulary = self.vocabulary()?;
        let head_dim = self.hidden / self.heads;
        let (q_dim, kv_dim) = (self.hidden, self.kv_heads * head_dim);
        let mut maker = Maker { random: SplitMix64::new(self.seed), quant: self.quant, tensors: Vec::new() };
        maker.matrix("token_embd.weight", self.vocab, self.hidden);
        maker.norm("output_norm.weight", self.hidden);
        if !self.tied {
            let output = maker.matrix("output.weight", self.vocab, self.hidden);
            for (row, kind) in output.chunks_mut(self.hidden).zip(&vocabulary.types) {
                if matches!(kind, 2 | 3) {
                    row.fill(0.0);
                }
            }
        }
        if let RopeScaling::Factors(factors) = &self.rope_scaling {
            maker.vector("rope_freqs.weight", factors.clone());
        }
        for layer in 0..self.layers {
            let name = |part: &str| format!("blk.{layer}.{part}");
            maker.norm(&name("attn_norm.weight"), self.hidden);
            for (part, dim) in [("attn_q", q_dim), ("attn_k", kv_dim), ("attn_v", kv_dim)] {
                maker.matrix(&name(&format!("{part}.weight")), dim, self.hidden);
                if self.qkv_bias {
                    maker.bias(&name(&format!("{part}.bias")), dim);
                }
            }
            maker.matrix(&name("attn_output.weight"), self.hidden, q_dim);
            maker.norm(&name("ffn_norm.weight"), self.hidden);
            maker.matrix(&name("ffn_gate.weight"), self.feed_forward, self.hidden);
            maker.matrix(&name("ffn_up.weight"), self.feed_forward, self.hidden);
            maker.matrix(&name("ffn_down.weight"), self.hidden, self.feed_forward);
        }
        Ok(maker.tensors)
    }

    fn check(&self) -> io::Result<()> {
        let fits = |value: usize, by: usize| by > 0 && value > 0 && value.is_multiple_of(by);
        if !fits(self.hidden, self.heads) || !fits(self.hidden / self.heads, 2) {
            return Err(invalid(format!("hidden {} is no even multiple of {} heads", self.hidden, self.heads)));
        }
        if !fits(self.heads, self.kv_heads) {
            return Err(invalid(format!("{} heads are no multiple of {} kv heads", self.heads, self.kv_heads)));
        }
        let pairs = self.hidden / self.heads / 2;
        match &self.rope_scaling {
            RopeScaling::Factors(factors) if factors.len() != pairs => {
                Err(invalid(format!("{} rope factors for {pairs} pairs", factors.len())))
            }
            _ => Ok(()),
        }
    }

    fn set_tokenizer(&self, file: &mut Gguf) -> io::Result<()> {
        let Vocabulary { tokens, scores, types } = self.vocabulary()?;
        let end_of_turn = tokens.len() as u32 - 1;
        file.set("tokenizer.ggml.model", "llama");
        file.set("tokenizer.ggml.pre", "default");
        file.set("tokenizer.ggml.tokens", Value::Strings(tokens));
        file.set("tokenizer.ggml.scores", Value::F32s(scores));
        file.set("tokenizer.ggml.token_type", Value::I32s(types));
        file.set("tokenizer.ggml.bos_token_id", Value::U32(BOS));
        file.set("tokenizer.ggml.eos_token_id", Value::U32(EOS));
        file.set("tokenizer.ggml.eot_token_id", Value::U32(end_of_turn));
        file.set("tokenizer.ggml.unknown_token_id", Value::U32(UNKNOWN));
        file.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
        file.set("tokenizer.ggml.add_eos_token", Value::Bool(false));
        file.set("tokenizer.ggml.add_space_prefix", Value::Bool(true));
        if let Some(template) = &self.chat_template {
            file.set("tokenizer.chat_template", template.as_str());
        }
        Ok(())
    }
}

struct Maker {
    random: SplitMix64,
    quant: Quant,
    tensors: Vec<Tensor>,
}

impl Maker {
    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> &mut [f32] {
        let scale = (3.0 / columns as f32).sqrt();
        let values = (0..rows * columns).map(|_| self.random.symmetric() * scale).collect();
        self.push(name, vec![rows, columns], values, self.quant)
    }

    fn norm(&mut self, name: &str, len: usize) {
        let values = (0..len).map(|_| 1.0 + 0.25 * self.random.symmetric()).collect();
        self.vector(name, values);
    }

    fn bias(&mut self, name: &str, len: usize) {
        let values = (0..len).map(|_| 0.5 * self.random.symmetric()).collect();
        self.vector(name, values);
    }

    fn vector(&mut self, name: &str, values: Vec<f32>) {
        self.push(name, vec![values.len()], values, Quant::F32);
    }

    fn push(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>, quant: Quant) -> &mut [f32] {
        let index = self.tensors.len();
        self.tensors.push(Tensor { name: name.to_owned(), shape, values, quant });
        &mut self.tensors[index].values
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_settings_give_the_same_bytes_and_another_seed_others() {
        let bytes = |seed| TinyLlama { seed, ..TinyLlama::default() }.gguf().expect("valid sizes").to_bytes();
        assert_eq!(bytes(3), bytes(3));
        assert_ne!(bytes(3), bytes(4));
        assert!(bytes(3).len() < 1_000_000, "{} bytes", bytes(3).len());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let check = |model: TinyLlama| {
            let error = model.gguf().expect_err("the sizes do not fit");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        };
        check(TinyLlama { heads: 5, ..TinyLlama::default() });
        check(TinyLlama { heads: 0, ..TinyLlama::default() });
        check(TinyLlama { kv_heads: 3, ..TinyLlama::default() });
        check(TinyLlama { vocab: 100, ..TinyLlama::default() });
        check(TinyLlama { rope_scaling: RopeScaling::Factors(vec![1.0]), ..TinyLlama::default() });
    }
}
