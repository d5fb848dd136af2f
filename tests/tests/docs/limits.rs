//! The operator's table of limits against what is in force, both ways: a limit without a row, a row without a limit
//! and a wrong default each fail.

use realm_chain_spec::TenantSpec;
use realm_host_functions::{HostLimits, budget::overhead};
use realm_node::{cli, events::EventLimits, executor::ExecutorConfig, server::ServerLimits};
use realm_rpc::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};

const PAGE: &str = include_str!("../../../docs/operations.md");
/// What the table calls the two places where limits are set.
const FLAG: &str = "`realm serve`";
const OF_TENANT: &str = "a tenant's `limits`";

/// Name, to where it is set and its default.
type Limits = BTreeMap<String, (&'static str, String)>;

/// The page's section.
fn section() -> &'static str {
    let (_, rest) = PAGE.split_once("\n## Limits\n").expect("a section on limits");
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The table's rows, cell by cell.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = section().lines().filter(|line| line.starts_with("| `"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What `realm serve --help` has under the heading.
fn of_flags() -> Limits {
    let command = cli::command();
    let serve = command.find_subcommand("serve").expect("realm serve");
    let flags = serve.get_arguments().filter(|flag| flag.get_help_heading() == Some(cli::LIMITS_HEADING));
    let limits = flags.map(|flag| {
        let name = flag.get_long().expect("a flag");
        let [default] = flag.get_default_values() else { panic!("--{name} has no default") };
        (format!("--{name}"), (FLAG, default.to_str().expect("digits").to_owned()))
    });
    limits.collect()
}

/// What `realm build-spec` writes out under a tenant's `limits`.
fn of_tenants() -> Limits {
    let written = TenantSpec::new("tenant", "model").to_value();
    let limits = written["limits"].as_object().expect("limits");
    limits.iter().map(|(name, default)| (name.clone(), (OF_TENANT, default.to_string()))).collect()
}

#[test]
fn the_table_has_every_limit_where_it_is_set_and_its_default() {
    let mut in_force = of_flags();
    in_force.extend(of_tenants());
    assert!(in_force.len() > 30, "both kinds are found: {in_force:?}");
    let mut documented = BTreeSet::new();
    for row in rows() {
        let [name, set_by, default, unit, past] = row[..] else { panic!("five cells: {row:?}") };
        assert!(!unit.is_empty() && !past.is_empty(), "{row:?}");
        let name = name.trim_matches('`');
        let Some((place, default_now)) = in_force.get(name) else {
            panic!("docs/operations.md has {name}, which is no limit")
        };
        assert_eq!((set_by, default), (*place, default_now.as_str()), "docs/operations.md of {name}");
        assert!(documented.insert(name), "{name} has two rows");
    }
    let missing: Vec<_> = in_force.keys().filter(|name| !documented.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/operations.md has no row for {missing:?}");
}

#[test]
fn what_callers_meet_past_a_limit_is_one_of_the_codes() {
    for row in rows() {
        let words = row[4].split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for word in words.filter(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')) {
            let known = ErrorCode::ALL.iter().any(|code| code.name() == word);
            assert!(known || ["HTTP", "JSON", "RPC", "KV"].contains(&word), "{word} of {} is no code", row[0]);
        }
    }
}

#[test]
fn what_is_fixed_is_what_is_said() {
    let (server, executor) = (ServerLimits::default(), ExecutorConfig::default());
    let (host, events) = (HostLimits::default(), EventLimits::default());
    for said in [
        format!("{} bytes of native memory of a call", host.native_bytes_max),
        format!("{} bytes of events between", events.bytes_max),
        format!("{} bytes of events unread", events.unread_bytes_max),
        format!("with {} bytes for each key, until", overhead::WRITE_ENTRY_BYTES),
        format!("with {} bytes for each key), events", overhead::MAP_ENTRY_BYTES),
        format!("({} bytes for each byte of text)", overhead::TOKENISED_BYTE_BYTES),
        format!("({} bytes each)", overhead::READ_ENTRY_BYTES),
        format!("and {} for each key", overhead::STORED_ENTRY_BYTES),
        format!("{} bytes of a response", server.response_bytes_max),
        format!("{} requests in a batch", server.batch_len_max),
        format!("{} bytes of a runtime", executor.code_bytes_max),
        format!("{} bytes of memory", executor.compile_memory_bytes_max),
        format!("{} s of processor time", executor.compile_cpu_time_max.as_secs()),
    ] {
        assert!(section().replace('\n', " ").contains(&said), "docs/operations.md lacks: {said}");
    }
}
