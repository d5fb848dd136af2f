//! The console: a page for people at `/`, compiled into the program, so that a node needs nothing
//! beside it and no network. It speaks to the node as any client does, over the WebSocket at `/`.
//!
//! The page is plain modules, served as they lie in this folder. One of them, `realm-client.js`, is made
//! from `sdk/js` by `npm run bundle` there, and that package's tests compare it; so building the node needs
//! no JavaScript tools. A policy in the page's headers lets it load and reach nothing but its own node.

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use jsonrpsee::server::HttpBody;

/// What a file is served as, and what it holds.
struct Page {
    path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! pages {
    ($($path:literal, $kind:expr, $file:literal;)*) => {
        &[$(Page { path: $path, kind: $kind, bytes: include_bytes!($file) },)*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const PAGES: &[Page] = pages! {
    "/", HTML, "index.html";
    "/console/console.css", "text/css; charset=utf-8", "console.css";
    "/console/icon.svg", "image/svg+xml", "icon.svg";
    "/console/console.js", SCRIPT, "console.js";
    "/console/connection.js", SCRIPT, "connection.js";
    "/console/realm-client.js", SCRIPT, "realm-client.js";
    "/console/dom.js", SCRIPT, "dom.js";
    "/console/chat.js", SCRIPT, "chat.js";
    "/console/functions.js", SCRIPT, "functions.js";
    "/console/upgrade.js", SCRIPT, "upgrade.js";
    "/console/usage.js", SCRIPT, "usage.js";
    "/console/live.js", SCRIPT, "live.js";
};

/// Nothing is loaded from elsewhere, nothing inline runs, and no other page may frame this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the console, if the request asks for one. A WebSocket at `/` is none.
pub fn answer<B>(request: &Request<B>) -> Option<Response<HttpBody>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || request.headers().contains_key(header::UPGRADE) {
        return None;
    }
    PAGES.iter().find(|page| page.path == request.uri().path()).map(serve)
}

fn serve(page: &Page) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::from(page.bytes.to_vec()));
    *response.status_mut() = StatusCode::OK;
    let headers = [
        (header::CONTENT_TYPE, page.kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new node brings a new page.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path: &str, headers: &[(header::HeaderName, &str)], kind: Option<&str>) {
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = answer(&request);
        let found = answer.as_ref().map(|response| response.headers()[header::CONTENT_TYPE].to_str().unwrap());
        assert_eq!(found, kind, "{path}");
        if let Some(response) = answer {
            assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        }
    }

    #[test]
    fn pages_and_nothing_else() {
        check(Method::GET, "/", &[], Some(HTML));
        check(Method::HEAD, "/", &[], Some(HTML));
        check(Method::GET, "/console/realm-client.js", &[], Some(SCRIPT));
        check(Method::GET, "/", &[(header::UPGRADE, "websocket")], None);
        check(Method::POST, "/", &[], None);
        check(Method::GET, "/console/", &[], None);
        check(Method::GET, "/console/../mod.rs", &[], None);
    }

    /// The page may load only what is here: everything that it names is served.
    #[test]
    fn every_file_that_a_page_names_is_served() {
        for page in PAGES.iter().filter(|page| page.kind != "image/svg+xml") {
            let text = std::str::from_utf8(page.bytes).unwrap();
            let names = text.split(['"', '\'']).filter_map(|word| {
                word.strip_prefix("./")
                    .map(|file| format!("/console/{file}"))
                    .or_else(|| word.starts_with("/console/").then(|| word.to_owned()))
            });
            for name in names {
                assert!(PAGES.iter().any(|page| page.path == name), "{} names {name}", page.path);
            }
            assert!(!text.contains("https://"), "{} reaches outside", page.path);
        }
    }
}
