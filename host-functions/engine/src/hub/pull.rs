//! Fetching: which files make a model, fetching them, and checking that what came is what was announced.

use super::cached::cached;
use super::error::HubError;
use super::reference::{HubRef, is_path_part, is_relative_path};
use super::{HubConfig, PullProgress};
use hf_hub::Cache;
use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo, Metadata};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A hub that takes no connection in this time counts as unreachable. The transfer itself has no limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a transfer that breaks off is taken up again.
const RETRIES_MAX: usize = 3;
/// Files beside the weights that a model in Hugging Face's layout may have.
const SIDE_FILES: [&str; 10] = [
    "tokenizer.json",
    "vocab.txt",
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
];

/// Fetches a model and returns its path: the file that is named, the repository's only GGUF file, or the
/// folder with its config.json and safetensors files. What the cache holds already is not fetched again;
/// a transfer that was broken off goes on where it stopped.
///
/// # Errors
/// One line each: no network, no such repository or file, a token that is missing, a choice that must be
/// made, or bytes that are not those that were announced.
pub fn pull(reference: &HubRef, config: &HubConfig, progress: &dyn PullProgress) -> Result<PathBuf, HubError> {
    let cache = Cache::new(config.cache.clone());
    if config.offline {
        return cached(reference, &cache).ok_or_else(|| HubError::Offline { reference: reference.to_string() });
    }
    let mut builder = ApiBuilder::from_cache(cache);
    if let Some(endpoint) = &config.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    let builder = builder.with_token(config.token.clone()).with_progress(false).with_retries(RETRIES_MAX);
    let name = &reference.repository;
    let api = builder.build().map_err(|error| failure(error, name, ""))?;
    let repository = api.model(name.clone());
    let url = repository.url("");
    let endpoint = url.split(&format!("/{name}/")).next().unwrap_or(&url);
    reachable(endpoint)?;
    let hub = Hub { repository, api, name, endpoint, config, progress };
    if let Some(file) = &reference.file {
        return hub.fetch(file);
    }
    let files = hub.files()?;
    let mut gguf: Vec<String> = files.iter().filter(|file| file.ends_with(".gguf")).cloned().collect();
    match gguf.len() {
        0 => hub.fetch_folder(&files),
        1 => hub.fetch(&gguf.remove(0)),
        _ => Err(HubError::Ambiguous { repository: hub.name.to_owned(), files: gguf }),
    }
}

struct Hub<'a> {
    api: Api,
    repository: ApiRepo,
    name: &'a str,
    endpoint: &'a str,
    config: &'a HubConfig,
    progress: &'a dyn PullProgress,
}

impl Hub<'_> {
    /// The repository's files whose names are fit to be paths.
    fn files(&self) -> Result<Vec<String>, HubError> {
        let info = self.repository.info().map_err(|error| self.failure(error, self.name))?;
        let names = info.siblings.into_iter().map(|sibling| sibling.rfilename);
        Ok(names.filter(|name| is_relative_path(name)).collect())
    }

    fn fetch_folder(&self, files: &[String]) -> Result<PathBuf, HubError> {
        let weights: Vec<&String> =
            files.iter().filter(|file| file.ends_with(".safetensors") && !file.contains('/')).collect();
        if weights.is_empty() || !files.iter().any(|file| file == "config.json") {
            return Err(HubError::NoModel { repository: self.name.to_owned() });
        }
        let config = self.fetch("config.json")?;
        let is_side = |file: &&String| SIDE_FILES.contains(&file.as_str()) || file.ends_with(".safetensors.index.json");
        for file in files.iter().filter(is_side).chain(weights) {
            self.fetch(file)?;
        }
        Ok(config.parent().unwrap_or(Path::new("")).to_owned())
    }

    /// Fetches one file unless the cache has this very version of it.
    fn fetch(&self, file: &str) -> Result<PathBuf, HubError> {
        let what = format!("{file} of {}", self.name);
        let announced = self.api.metadata(&self.repository.url(file)).map_err(|error| self.failure(error, &what))?;
        // Both become file names.
        for (name, value) in [("commit", announced.commit_hash()), ("etag", announced.etag())] {
            if !is_path_part(value) {
                return Err(HubError::Protocol { file: what, reason: format!("its {name} is {value:?}") });
            }
        }
        let cache = Cache::new(self.config.cache.clone()).model(self.name.to_owned());
        let path = cache.pointer_path(announced.commit_hash()).join(file);
        let size = announced.size() as u64;
        if path.metadata().is_ok_and(|found| found.len() == size) {
            self.progress.advance(file, size, size);
            return Ok(path);
        }
        let blob = cache.blob_path(announced.etag());
        let observer = Observer { file, progress: self.progress, done: 0, total: 0 };
        let path =
            self.repository.download_with_progress(file, observer).map_err(|error| self.failure(error, &what))?;
        if let Err(error) = check(&path, file, &announced) {
            // A later pull must not find it in the cache.
            let _ = std::fs::remove_file(&path);
            let _ = std::fs::remove_file(blob);
            return Err(error);
        }
        Ok(path)
    }

    fn failure(&self, error: ApiError, what: &str) -> HubError {
        failure(error, what, self.endpoint)
    }
}

/// The size, and the SHA-256 where the hub names it: large files' etags are that.
fn check(path: &Path, file: &str, announced: &Metadata) -> Result<(), HubError> {
    let io = |source| HubError::Io { path: path.to_owned(), source };
    let mut content = File::open(path).map_err(io)?;
    let (found, expected) = (content.metadata().map_err(io)?.len(), announced.size() as u64);
    if found != expected {
        return Err(HubError::Size { file: file.to_owned(), found, expected });
    }
    let expected = announced.etag();
    if expected.len() != 64 || !expected.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = content.read(&mut buffer).map_err(io)?;
        if len == 0 {
            break;
        }
        hash.update(&buffer[..len]);
    }
    let found = hex::encode(hash.finalize());
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(HubError::Checksum { file: file.to_owned(), found, expected: expected.to_owned() })
}

/// Whether anybody answers at the hub's address. Without this, a network that drops packets would keep
/// the caller waiting for minutes. Behind a proxy only the proxy can tell.
fn reachable(endpoint: &str) -> Result<(), HubError> {
    let invalid = || HubError::InvalidEndpoint { endpoint: endpoint.to_owned() };
    let (scheme, rest) = endpoint.split_once("://").ok_or_else(invalid)?;
    let (proxy, port) = match scheme {
        "https" => (["HTTPS_PROXY", "https_proxy"], 443),
        "http" => (["HTTP_PROXY", "http_proxy"], 80),
        _ => return Err(invalid()),
    };
    if proxy.iter().chain(&["ALL_PROXY", "all_proxy"]).any(|name| std::env::var_os(name).is_some()) {
        return Ok(());
    }
    let host = rest.split('/').next().unwrap_or(rest);
    let unreachable = |reason: String| HubError::Unreachable { endpoint: endpoint.to_owned(), reason };
    let address = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    };
    let addresses = address.to_socket_addrs().map_err(|error| unreachable(error.to_string()))?;
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(unreachable(reason))
}

fn failure(error: ApiError, what: &str, endpoint: &str) -> HubError {
    let what = what.to_owned();
    match error {
        ApiError::RequestError(error) => match *error {
            ureq::Error::StatusCode(404) => HubError::NotFound { what, endpoint: endpoint.to_owned() },
            ureq::Error::StatusCode(401 | 403) => HubError::Forbidden { what },
            error => HubError::Transfer { what, reason: error.to_string() },
        },
        ApiError::TooManyRetries(error) => failure(*error, &what, endpoint),
        error => HubError::Transfer { what, reason: error.to_string() },
    }
}

/// Passes the library's progress on, as totals.
struct Observer<'a> {
    file: &'a str,
    progress: &'a dyn PullProgress,
    done: u64,
    total: u64,
}

impl Progress for Observer<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.done, self.total) = (0, size as u64);
        self.progress.advance(self.file, 0, self.total);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.progress.advance(self.file, self.done, self.total);
    }

    fn finish(&mut self) {
        self.progress.advance(self.file, self.total, self.total);
    }
}
