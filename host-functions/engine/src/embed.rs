//! Embeddings of texts: by a model that was made for it, or by a text model's own hidden states.

use std::sync::Arc;

use crate::TenantKey;
use crate::encoder::{EncodeTextError, PendingVector};
use crate::meter::TokenMeter;
use crate::model::{Compute, Model};
use crate::scheduler::{Output, SequenceId};
use crate::session::{ForwardError, Pending, SessionError, start};
use crate::tokenizer::EncodeError;
use crate::worker::Shared;

/// The most texts in one request.
pub const EMBED_TEXTS_MAX: usize = 1_024;
/// Texts of one request that are computed at the same time.
const TEXTS_AT_ONCE: usize = 8;

/// Why texts were not embedded. `index` is the place of the text in the request.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error("{count} texts are more than the {EMBED_TEXTS_MAX} of one request")]
    TooManyTexts { count: usize },
    #[error("text {index} is empty")]
    Empty { index: usize },
    #[error("text {index}: {source}")]
    Encode { index: usize, source: EncodeError },
    #[error("text {index} has {tokens} tokens, more than the context of {context_length}")]
    ContextOverflow { index: usize, tokens: usize, context_length: u32 },
    #[error("text {index}: {source}")]
    Session { index: usize, source: SessionError },
    #[error("text {index}: {source}")]
    Text { index: usize, source: EncodeTextError },
    #[error("text {index}: {source}")]
    Forward { index: usize, source: ForwardError },
}

impl Model {
    /// One vector for each text, in order. A text's vector does not depend on the others.
    ///
    /// A model that only embeds pools and scales as its files say. Like sentence-transformers, it reads a text that is
    /// longer than its files allow up to that length: [`Model::embedding_tokens`] gives what is read. Of a model that
    /// generates, it is the mean of the last norm's outputs, scaled to length 1, and a text longer than the context is
    /// an error.
    ///
    /// # Errors
    /// See [`EmbedError`]; the first text that fails ends the request.
    ///
    /// # Cancel safety
    /// Dropping the future takes the request back and frees what it held.
    pub async fn embed(&self, owner: TenantKey, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        if texts.len() > EMBED_TEXTS_MAX {
            return Err(EmbedError::TooManyTexts { count: texts.len() });
        }
        let mut vectors = Vec::with_capacity(texts.len());
        for group in texts.chunks(TEXTS_AT_ONCE) {
            let first = vectors.len();
            let started = group.iter().enumerate().map(|(i, text)| {
                let index = first + i;
                let tokens = self.embedding_tokens(text).map_err(|source| EmbedError::Encode { index, source })?;
                self.start_text(owner, index, tokens, None)
            });
            for text in started.collect::<Result<Vec<_>, _>>()? {
                vectors.push(text.wait(vectors.len()).await?);
            }
        }
        Ok(vectors)
    }

    /// The vector of one text, from the tokens that [`embedding_tokens`](Self::embedding_tokens) gives. What is
    /// computed is reported to `meter`, also if the future is dropped.
    ///
    /// # Errors
    /// See [`EmbedError`]; `index` is 0.
    ///
    /// # Cancel safety
    /// As of [`embed`](Self::embed).
    pub async fn embed_tokens(
        &self,
        owner: TenantKey,
        tokens: Vec<u32>,
        meter: Option<&Arc<dyn TokenMeter>>,
    ) -> Result<Vec<f32>, EmbedError> {
        self.start_text(owner, 0, tokens, meter)?.wait(0).await
    }

    /// The tokens of a text as [`embed`](Self::embed) reads them, those around it included.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn embedding_tokens(&self, text: &str) -> Result<Vec<u32>, EncodeError> {
        let Compute::Encoder { spec, .. } = &self.compute else { return self.prompt_tokens(text) };
        let lower = spec.sentence.lowercase.then(|| text.to_lowercase());
        let mut tokens = self.tokenizer().encode(lower.as_deref().unwrap_or(text), true)?;
        let len_max = spec.sentence.tokens_max as usize;
        if tokens.len() > len_max {
            // What goes around the text stays; the text itself is cut.
            let suffix = self.tokenizer().suffix();
            tokens.truncate(len_max.saturating_sub(suffix.len()));
            tokens.extend_from_slice(suffix);
        }
        Ok(tokens)
    }

    fn start_text(
        &self,
        owner: TenantKey,
        index: usize,
        tokens: Vec<u32>,
        meter: Option<&Arc<dyn TokenMeter>>,
    ) -> Result<Text<'_>, EmbedError> {
        let context_length = self.info().context_length;
        if tokens.is_empty() {
            return Err(EmbedError::Empty { index });
        }
        if tokens.len() > context_length as usize {
            return Err(EmbedError::ContextOverflow { index, tokens: tokens.len(), context_length });
        }
        let shared = match &self.compute {
            Compute::Decoder(worker) => worker.shared(),
            Compute::Encoder { encoder, .. } => {
                if let Some((index, token, vocab_len)) = self.out_of_vocabulary(&tokens) {
                    let source = SessionError::TokenOutOfVocabulary { index, token, vocab_len };
                    return Err(EmbedError::Session { index, source });
                }
                let pending =
                    encoder.submit(owner, tokens, meter).map_err(|source| EmbedError::Text { index, source })?;
                return Ok(Text::Whole(pending));
            }
        };
        // No prefix: every position's hidden state is needed, so every position is computed.
        let opened = shared.with(|scheduler| scheduler.open(owner, &[]));
        let sequence = opened.map_err(|refused| EmbedError::Session { index, source: refused.into() })?;
        let open = Open { shared, sequence };
        let pending = start(self, shared, sequence, &tokens, Output::Hidden, meter);
        let pending = pending.map_err(|source| EmbedError::Forward { index, source })?;
        Ok(Text::Sequence { pending, _open: open })
    }
}

/// A text on its way.
enum Text<'a> {
    /// Through the scheduler. The job goes before the sequence.
    Sequence { pending: Pending<'a>, _open: Open<'a> },
    /// Through an encoder's line.
    Whole(PendingVector),
}

impl Text<'_> {
    async fn wait(self, index: usize) -> Result<Vec<f32>, EmbedError> {
        match self {
            Self::Sequence { pending, _open } => {
                let output = pending.wait().await.map_err(|source| EmbedError::Forward { index, source })?;
                Ok(unit(output.hidden_sum))
            }
            Self::Whole(pending) => pending.wait().await.map_err(|source| EmbedError::Text { index, source }),
        }
    }
}

/// A sequence that is closed when this goes.
struct Open<'a> {
    shared: &'a Shared,
    sequence: SequenceId,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.shared.close(self.sequence);
    }
}

/// The vector of this direction and length 1. The mean's divisor cancels out.
fn unit(sum: Vec<f64>) -> Vec<f32> {
    let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    sum.into_iter().map(|value| (value * scale) as f32).collect()
}
