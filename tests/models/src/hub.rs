//! A hub of models that is a small HTTP server on this machine, for tests of pulling.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// The commit that its repository is at.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one repository, `o/n`. It serves until the process ends.
pub struct Hub {
    /// Its address, for `HF_ENDPOINT`.
    pub endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub range: Option<String>,
    /// The header `authorization`.
    pub token: Option<String>,
}

/// What the repository holds.
#[derive(Clone, Default)]
pub struct Content {
    pub files: BTreeMap<&'static str, Vec<u8>>,
    /// A file that comes with one byte changed.
    pub damaged: Option<&'static str>,
    /// The token that is asked for.
    pub token: Option<&'static str>,
}

impl Hub {
    /// # Panics
    /// The system gives no port.
    pub fn start(content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (content, seen) = (content.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, &content, &seen));
            }
        });
        Self { endpoint, requests }
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Range headers of the transfers of a file, questions for its size left out.
    pub fn transfers(&self, file: &str) -> Vec<String> {
        let requests = self.requests().into_iter().filter(|request| request.path.ends_with(file));
        requests.filter_map(|request| request.range).filter(|range| range != "bytes=0-0").collect()
    }
}

fn serve(mut stream: TcpStream, content: &Content, seen: &Mutex<Vec<Request>>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a clone")).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let headers: BTreeMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |name: &str| headers.get(name).cloned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(Request {
        path: path.clone(),
        range: header("range"),
        token: header("authorization"),
    });
    let mut answer = |status: &str, more: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    if content.token.is_some_and(|token| header("authorization") != Some(format!("Bearer {token}"))) {
        return answer("401 Unauthorized", "", b"");
    }
    if path.starts_with("/api/models/o/n") {
        let names: Vec<String> = content.files.keys().map(|name| format!(r#"{{"rfilename":"{name}"}}"#)).collect();
        let body = format!(r#"{{"sha":"{COMMIT}","siblings":[{}]}}"#, names.join(","));
        return answer("200 OK", "content-type: application/json\r\n", body.as_bytes());
    }
    let Some(file) = path.strip_prefix("/o/n/resolve/main/").and_then(|name| content.files.get_key_value(name)) else {
        return answer("404 Not Found", "", b"");
    };
    let mut body = file.1.clone();
    let etag = hex(&Sha256::digest(&body));
    if content.damaged == Some(file.0) {
        body[0] ^= 1;
    }
    let range = header("range").unwrap_or_default();
    let (start, end) = range.trim_start_matches("bytes=").split_once('-').unwrap_or(("0", ""));
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(body.len(), |end: usize| (end + 1).min(body.len()));
    let more = format!(
        "etag: \"{etag}\"\r\nx-repo-commit: {COMMIT}\r\ncontent-range: bytes {start}-{}/{}\r\n",
        end.saturating_sub(1),
        body.len()
    );
    answer("206 Partial Content", &more, &body[start..end]);
}

/// As etags write a hash.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
