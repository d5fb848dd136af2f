//! Embeddings of texts by the text model itself: the mean of the last norm's outputs, scaled to length 1.

use crate::TenantKey;
use crate::model::Model;
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
    Forward { index: usize, source: ForwardError },
}

impl Model {
    /// One vector of length 1 for each text, in order. A text's vector does not depend on the others.
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
            let started = group.iter().enumerate().map(|(i, text)| self.start_text(owner, first + i, text));
            for text in started.collect::<Result<Vec<_>, _>>()? {
                let index = vectors.len();
                let output = text.pending.wait().await.map_err(|source| EmbedError::Forward { index, source })?;
                vectors.push(unit(output.hidden_sum));
            }
        }
        Ok(vectors)
    }

    fn embedding_tokens(&self, index: usize, text: &str) -> Result<Vec<u32>, EmbedError> {
        let tokens = self.tokenizer().encode(text, true).map_err(|source| EmbedError::Encode { index, source })?;
        let context_length = self.info().context_length;
        match tokens.len() {
            0 => Err(EmbedError::Empty { index }),
            len if len > context_length as usize => {
                Err(EmbedError::ContextOverflow { index, tokens: len, context_length })
            }
            _ => Ok(tokens),
        }
    }

    fn start_text(&self, owner: TenantKey, index: usize, text: &str) -> Result<Text<'_>, EmbedError> {
        let tokens = self.embedding_tokens(index, text)?;
        // No prefix: every position's hidden state is needed, so every position is computed.
        let opened = self.shared().with(|scheduler| scheduler.open(owner, &[]));
        let sequence = opened.map_err(|refused| EmbedError::Session { index, source: refused.into() })?;
        let open = Open { shared: self.shared(), sequence };
        let pending = start(self, sequence, &tokens, Output::Hidden);
        Ok(Text { pending: pending.map_err(|source| EmbedError::Forward { index, source })?, _open: open })
    }
}

/// A text on its way: the job goes before the sequence.
struct Text<'a> {
    pending: Pending<'a>,
    _open: Open<'a>,
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
