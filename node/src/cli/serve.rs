//! `realm serve`.

use super::{
    Failure,
    args::{ComputeArgs, ServeArgs},
    descriptors,
    exit::{INTERRUPTED, TERMINATED},
    log, user_folders,
};
use crate::{
    server::{AllowedHosts, AllowedOrigins},
    service::{Node, NodeConfig, StartError},
};
use realm_chain_spec::{Authentication, ChainSpec, ModelSource, ModelSpec};
use realm_engine::EngineConfig;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::signal::unix::{SignalKind, signal};

/// The chain where none is named.
const DEFAULT_CHAIN: &str = "dev";
/// What the model of `--embedding-model` is called.
const EMBEDDING_MODEL: &str = "embedding";
/// The number of times that --allow-unauthenticated, and --origin '*' on a chain without keys, must be given.
const TIMES_TOLD: u8 = 2;
/// The word for all web pages.
const ANY_ORIGIN: &str = "*";

/// Tasks that an async worker runs before it looks at sockets and timers again. Tokio's own 61 are meant for tasks that
/// are all short: 61 that take a millisecond each would delay every connection by as many milliseconds.
const EVENT_INTERVAL: u32 = 4;

/// Runs a node until it is told to stop.
///
/// # Errors
/// It cannot start.
pub fn run(args: ServeArgs) -> Result<(), Failure> {
    log::start(&args.log, args.log_format, args.log_prompts)?;
    let mut config = config(&args).map_err(start_failure)?;
    descriptors::fit(&mut config.server);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("realm-async")
        .event_interval(EVENT_INTERVAL)
        .build()
        .map_err(|error| Failure::Start(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        // Before the node, so that a signal while it starts is not lost.
        let failed = |error| Failure::Start(format!("cannot listen to signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        // The exit code of a signal that ends the process at once.
        let mut signalled = async || {
            tokio::select! {
                _ = terminate.recv() => TERMINATED,
                _ = interrupt.recv() => INTERRUPTED,
            }
        };
        let node = tokio::select! {
            node = Node::start(config) => node.map_err(start_failure)?,
            _ = signalled() => return Ok(()),
        };
        signalled().await;
        tokio::select! {
            () = node.stop() => Ok(()),
            code = signalled() => {
                // What was acknowledged is durable; nothing else is waited for.
                tracing::warn!("a second signal: the node ends at once and cuts the calls that run");
                std::process::exit(code.into());
            }
        }
    })
}

/// The chain that a word names: a preset, else a file.
///
/// # Errors
/// It is neither, or the file is wrong.
pub fn chain(word: &str) -> Result<ChainSpec, StartError> {
    match ChainSpec::preset(word) {
        Some(spec) => Ok(spec),
        None if Path::new(word).exists() => Ok(ChainSpec::from_file(Path::new(word))?),
        None => Err(StartError::NoSuchChain { name: word.to_owned(), presets: ChainSpec::PRESETS.to_vec() }),
    }
}

fn start_failure(error: StartError) -> Failure {
    Failure::Start(error.to_string())
}

fn config(args: &ServeArgs) -> Result<NodeConfig, StartError> {
    let mut chain = chain(args.chain.as_deref().unwrap_or(DEFAULT_CHAIN))?;
    if let (Some(path), Some(first)) = (&args.model, chain.models.first_mut()) {
        first.path = ModelSource::of_path(path.clone());
        // The hash was another file's.
        first.sha256 = None;
    }
    if let Some(path) = &args.embedding_model {
        embedding_model(&mut chain, ModelSource::of_path(path.clone()));
    }
    let mut config = NodeConfig::new(chain);
    config.listen = SocketAddr::new(args.host, args.port);
    config.metrics = (!args.no_metrics).then(|| SocketAddr::new(args.metrics_host, args.metrics_port));
    config.origins = origins(&args.origin, config.chain.authentication)?;
    config.hosts = AllowedHosts(args.allowed_host.clone());
    config.allow_unauthenticated = args.allow_unauthenticated >= TIMES_TOLD;
    config.base_path = args.base_path.clone();
    config.executor.compiled_dir = compiled_dir(args);
    config.executor.compile_program = this_program();
    compute(&args.compute, &mut config.engine);
    args.limits.apply(&mut config);
    Ok(config)
}

/// Adds a model to the chain that embeds for all tenants which have none for it.
fn embedding_model(chain: &mut ChainSpec, path: ModelSource) {
    let taken = |name: &str| chain.models.iter().any(|model| model.name == name);
    let numbered = (2..).map(|number| format!("{EMBEDDING_MODEL}-{number}"));
    let free = std::iter::once(EMBEDDING_MODEL.to_owned()).chain(numbered).find(|name| !taken(name));
    let name = free.unwrap_or_default();
    chain.models.push(ModelSpec { name: name.clone(), path, sha256: None });
    for tenant in &mut chain.tenants {
        tenant.embedding_model.get_or_insert_with(|| name.clone());
    }
}

/// This program, to be started as a compiler: on Linux by a name that stays right when its file is replaced.
fn this_program() -> Option<PathBuf> {
    if cfg!(target_os = "linux") { Some(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe().ok() }
}

/// Where machine code is kept: where it is said, else beside the database, else where users' caches are.
fn compiled_dir(args: &ServeArgs) -> Option<PathBuf> {
    if args.no_compiled_dir {
        return None;
    }
    let own = || args.base_path.as_ref().map(|base| base.join("compiled"));
    args.compiled_dir.clone().or_else(own).or_else(|| Some(user_folders::cache()?.join("compiled")))
}

/// The origins that the flags name. On a chain without keys `*` lets every page that anybody on this machine opens call
/// as any tenant, so there it has to be given twice.
fn origins(named: &[String], authentication: Authentication) -> Result<AllowedOrigins, StartError> {
    let any = named.iter().filter(|origin| *origin == ANY_ORIGIN).count();
    match (any, authentication) {
        (0, _) if named.is_empty() => Ok(AllowedOrigins::Local),
        (0, _) => Ok(AllowedOrigins::Listed(named.to_vec())),
        (count, Authentication::None) if count < usize::from(TIMES_TOLD) => Err(StartError::AnyOrigin),
        _ => Ok(AllowedOrigins::Any),
    }
}

fn compute(args: &ComputeArgs, engine: &mut EngineConfig) {
    engine.device = args.device.unwrap_or(engine.device);
    engine.threads = args.threads.map_or(engine.threads, usize::from);
    engine.kv_precision = args.kv_precision.map(Into::into).or(engine.kv_precision);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Args, Command};
    use clap::Parser;

    fn configured(flags: &[&str]) -> Result<NodeConfig, StartError> {
        let Command::Serve(args) = Args::parse_from([&["realm", "serve"], flags].concat()).command else {
            panic!("serve is what was parsed")
        };
        config(&args)
    }

    /// `/metrics` listened on whatever `--host` said, so that `--host 0.0.0.0` told tenants' names and money to the network.
    #[test]
    fn metrics_stay_on_loopback_unless_told() {
        let metrics = |flags: &[&str]| configured(flags).unwrap().metrics.unwrap().to_string();
        let open = ["--host", "0.0.0.0", "--allow-unauthenticated", "--allow-unauthenticated"];
        assert_eq!(metrics(&open), "127.0.0.1:9615");
        assert_eq!(metrics(&[&open[..], &["--metrics-host", "10.0.0.5"]].concat()), "10.0.0.5:9615");
    }

    /// `--origin '*'` on a chain without keys had no guard: a page of any site could administer the node.
    #[test]
    fn all_origins_on_a_chain_without_keys_are_given_twice() {
        assert!(matches!(configured(&["--origin", "*"]), Err(StartError::AnyOrigin)));
        assert_eq!(configured(&["--origin", "*", "--origin", "*"]).unwrap().origins, AllowedOrigins::Any);
        assert_eq!(configured(&["--chain", "local", "--origin", "*"]).unwrap().origins, AllowedOrigins::Any);
        let listed = configured(&["--origin", "https://a.example"]).unwrap().origins;
        assert_eq!(listed, AllowedOrigins::Listed(vec!["https://a.example".into()]));
    }
}
