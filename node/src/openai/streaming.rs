//! Answers in pieces, by server-sent events.
//!
//! ```text
//!  call of choice 0 ─┐
//!  call of choice 1 ─┼─► whichever has something ─► Writer ─► data: {..} .. data: [DONE]
//!  ..               ─┘
//! ```
//!
//! The status waits a while for the first thing that happens, so that a prompt which is too long is a 400
//! and not a broken stream. An error after that is the stream's last event, without `[DONE]`.

use super::{
    choice::{Head, Progress},
    error::ApiError,
    generation,
};
use crate::{
    dispatcher::PreparedCall,
    web::{FollowedCall, Happening, Web, sse},
};
use futures::{StreamExt, future, stream};
use http::Response;
use hyper::body::Bytes;
use jsonrpsee::server::HttpBody;
use serde_json::Value;

/// Streams the choices that these calls make. With `usage`, which is the number of choices per prompt,
/// the last piece tells what they used.
pub async fn answer(
    web: &Web,
    head: Head,
    calls: Vec<PreparedCall>,
    usage: Option<usize>,
) -> Result<Response<HttpBody>, ApiError> {
    let choices = vec![Progress::default(); calls.len()];
    let calls = calls.into_iter().enumerate();
    let mut happenings =
        stream::select_all(calls.map(|(index, call)| FollowedCall::start(web, call).map(move |it| (index, it))));
    let first = match tokio::time::timeout(web.silence_max, happenings.next()).await {
        Ok(Some((_, Happening::Ended(Err(error))))) => return Err(error.into()),
        Ok(first) => first,
        // In a queue, mostly. The status cannot wait for ever.
        Err(_) => None,
    };
    let writer = Writer { head, usage, results: vec![None; choices.len()], choices };
    let events = stream::iter(first).chain(happenings).scan(Some(writer), |writer, (index, happening)| {
        let bytes = writer.as_mut().map(|open| open.write(index, happening));
        future::ready(bytes.map(|(bytes, ended)| {
            if ended {
                *writer = None;
            }
            bytes
        }))
    });
    Ok(sse::response(events, web.silence_max))
}

/// Writes what happens as events.
struct Writer {
    head: Head,
    usage: Option<usize>,
    choices: Vec<Progress>,
    /// What the choices that are over came to.
    results: Vec<Option<Value>>,
}

impl Writer {
    /// The events of one happening, and whether the stream ends with them.
    fn write(&mut self, index: usize, happening: Happening) -> (Bytes, bool) {
        let mut out = Vec::new();
        let progress = &mut self.choices[index];
        if !std::mem::replace(&mut progress.begun, true) {
            out.extend(self.head.beginning(index));
        }
        match happening {
            Happening::Item(item) => out.push(self.head.piece(index, &item, progress)),
            Happening::Ended(Ok(result)) => {
                out.push(self.head.end(index, &result, progress));
                self.results[index] = Some(result);
            }
            Happening::Ended(Err(error)) => return (sse::data(&ApiError::from(error).to_json()), true),
        }
        let mut bytes: Vec<u8> = out.into_iter().flat_map(|choice| sse::data(&self.chunk(vec![choice]))).collect();
        let ended = self.results.iter().all(Option::is_some);
        if ended {
            if let Some(per_prompt) = self.usage {
                let results: Vec<Value> = self.results.drain(..).flatten().collect();
                let mut last = self.chunk(Vec::new());
                last["usage"] = generation::usage(&results, per_prompt);
                bytes.extend(sse::data(&last));
            }
            bytes.extend_from_slice(sse::DONE);
        }
        (bytes.into(), ended)
    }

    fn chunk(&self, choices: Vec<Value>) -> Value {
        let mut chunk = self.head.object(self.head.form().chunk_object(), choices);
        if self.usage.is_some() {
            chunk["usage"] = Value::Null;
        }
        chunk
    }
}
