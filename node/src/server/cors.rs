//! What browsers must be told before a page may read an answer from another origin than its own. Which
//! pages may is decided in [`super::origin`]; whoever comes here may.

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use jsonrpsee::server::HttpBody;

/// Seconds that a browser may remember what it was allowed.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// Headers of answers that pages may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, retry-after-ms");

/// The page that a request comes from, if a browser sent it.
#[derive(Clone, Debug)]
pub struct Page(Option<HeaderValue>);

impl Page {
    /// The page of a request that may be answered.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(header::ORIGIN).cloned())
    }

    /// Lets the page read an answer.
    pub fn may_read(&self, mut answer: Response<HttpBody>) -> Response<HttpBody> {
        let Some(origin) = &self.0 else { return answer };
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        answer
    }
}

/// The answer to a browser that asks whether a page may send a request.
pub fn preflight<B>(request: &Request<B>) -> Option<Response<HttpBody>> {
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if *request.method() != Method::OPTIONS || !asks {
        return None;
    }
    let mut answer = Response::new(HttpBody::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    // Any header will do, and a list of all that clients send would never be whole.
    if let Some(asked) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    Some(answer)
}
