//! OpenAI's HTTP API, for programs that speak it: `/v1/models`, `/v1/chat/completions`,
//! `/v1/completions`, `/v1/embeddings`. It only says things in another way: a request becomes a call of
//! a runtime function through the dispatcher, with its admission, tenants and metering, and the answer
//! is written as OpenAI writes it.
//!
//! ```text
//!  JSON ─► Fields ─► chat, completions ─► Order ─► n calls of one function ─► choices, usage
//!                 └► embeddings ─────────────────► one call per text ───────► vectors
//! ```
//!
//! What a request asks for and the runtime cannot do is refused with a 400 that names the field; what
//! changes nothing in the answer is accepted. `model` must be the name of the tenant's model in the
//! chain specification, or of its embedding model for embeddings: `GET /v1/models` lists them.
//!
//! This is the one place of the node that knows names of runtime functions: [`CHAT`], [`COMPLETE`],
//! [`EMBED`]. A runtime without them answers 404 here and is otherwise whole.

mod chat;
mod choice;
mod completions;
mod embeddings;
mod error;
mod fields;
mod generation;
mod logprobs;
mod models;
mod sampling;
mod streaming;

use crate::{
    connection::Connection,
    web::{Web, json, read_json},
};
use error::ApiError;
use fields::Fields;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Body;
use jsonrpsee::server::HttpBody;
use realm_rpc::RpcError;
use std::sync::Arc;

/// Answers the last message of a conversation.
const CHAT: &str = "chat";
/// Continues a prompt and streams.
const COMPLETE: &str = "stream_generate";
/// The vector of a text.
const EMBED: &str = "embed";

/// What the paths of this API begin with.
pub const PREFIX: &str = "/v1/";

/// Who asks, and of whom.
#[derive(Clone, Copy)]
struct Caller<'a> {
    web: &'a Web,
    connection: &'a Arc<Connection>,
}

/// The answer to a request whose path begins with [`PREFIX`].
pub async fn answer<B>(web: Web, connection: Arc<Connection>, request: Request<B>) -> Response<HttpBody>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let caller = Caller { web: &web, connection: &connection };
    route(caller, request).await.unwrap_or_else(ApiError::into_response)
}

/// A refusal from before anything was asked of this API, as its clients know errors.
pub fn refused(error: RpcError) -> Response<HttpBody> {
    ApiError::from(error).into_response()
}

async fn route<B>(caller: Caller<'_>, request: Request<B>) -> Result<Response<HttpBody>, ApiError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let get = matches!(head.method, Method::GET | Method::HEAD);
    let model = path.strip_prefix("models/");
    match (path, model) {
        ("models", _) if get => models::list(caller).map(|list| json(StatusCode::OK, &list)),
        (_, Some(name)) if get => models::one(caller, name).map(|model| json(StatusCode::OK, &model)),
        ("models", _) | (_, Some(_)) => Err(ApiError::method_not_allowed("GET")),
        ("chat/completions" | "completions" | "embeddings", _) if head.method != Method::POST => {
            Err(ApiError::method_not_allowed("POST"))
        }
        ("chat/completions" | "completions" | "embeddings", _) => {
            // Who may not call is told before a body is read.
            let scope = caller.web.tenant(caller.connection)?.resources.scope();
            let fields = Fields::of_body(read_json(body, caller.web.body, scope).await?)?;
            match path {
                "chat/completions" => generation::answer(caller, chat::read(fields)?).await,
                "completions" => generation::answer(caller, completions::read(fields)?).await,
                _ => embeddings::answer(caller, fields).await.map(|vectors| json(StatusCode::OK, &vectors)),
            }
        }
        _ => Err(ApiError::unknown_path(head.uri.path())),
    }
}
