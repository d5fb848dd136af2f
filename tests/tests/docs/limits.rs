//! The operator's table of limits against what is in force, both ways: a limit without a row, a row without a limit
//! and a wrong default each fail.

use realm_chain_spec::TenantSpec;
use realm_host_functions::{HostLimits, StorageLimits, budget::overhead, storage::StoreConfig};
use realm_node::{
    auth::{AuthConfig, KeyLimits},
    cli,
    events::EventLimits,
    executor::ExecutorConfig,
    server::ServerLimits,
    substrate::QueryLimits,
    upgrade::UpgradeConfig,
};
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
    let (store, storage, upgrade) = (StoreConfig::default(), StorageLimits::default(), UpgradeConfig::default());
    let (host, events) = (HostLimits::default(), EventLimits::default());
    for said in [
        format!("{} bytes of native memory of a call", host.native_bytes_max),
        format!("{} bytes of events between", events.bytes_max),
        format!("with {} bytes for each key, until", overhead::WRITE_ENTRY_BYTES),
        format!("with {} bytes for each key), events", overhead::MAP_ENTRY_BYTES),
        format!("({} bytes for each byte of text)", overhead::TOKENISED_BYTE_BYTES),
        format!("({} bytes each)", overhead::READ_ENTRY_BYTES),
        format!("and {} for each key", overhead::STORED_ENTRY_BYTES),
        format!("{} bytes of a response", server.response_bytes_max),
        format!("{} requests in a batch", server.batch_len_max),
        format!("{} keys of a storage query", QueryLimits::default().keys_max),
        format!("{} bytes of answers and", server.unread_bytes_max),
        format!("{} s that a peer may leave bytes unread", server.write_wait_max.as_secs()),
        format!("{} bytes of a runtime", executor.code_bytes_max),
        format!("{} bytes of memory", executor.compile_memory_bytes_max),
        format!("{} s of processor time", executor.compile_cpu_time_max.as_secs()),
        format!("may write or clear {} keys", storage.transaction_keys_max),
        format!("migration of one tenant's state {};", storage.migration_keys_max),
        format!(
            "at most {} commits, {} keys and {} bytes",
            store.batch_len_max, store.batch_entries_max, store.batch_bytes_max
        ),
        format!("try in a minute | {} |", upgrade.tenant_attempts_per_minute_max),
        format!("in 24 hours | {} |", upgrade.tenant_upgrades_per_day_max),
        format!("run at once | {} |", upgrade.tenant_trials_max),
        format!("those that wait | {} |", upgrade.tenant_trials_waiting_max),
        format!("up to its commit | {} |", upgrade.tenant_upgrade_time_max.as_secs()),
        format!("{}, {} |", upgrade.trial_time_max.as_secs(), upgrade.migration_time_max.as_secs()),
    ] {
        assert!(section().replace('\n', " ").contains(&said), "docs/operations.md lacks: {said}");
    }
}

#[test]
fn the_share_of_anonymous_clients_is_what_is_said() {
    let (_, rest) = PAGE.split_once("\n## Anonymous clients\n").expect("a section on anonymous clients");
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let (server, auth) = (ServerLimits::default(), AuthConfig::default());
    let anonymous = server.anonymous;
    for said in [
        format!("| {} % of `--connections` |", anonymous.connections_percent),
        format!("| {} | `--anonymous-connections-per-address` |", anonymous.connections_per_address_max),
        format!("| {} beside `--connections` |", server.handshakes_max),
        format!("| {} % of one core, {} ms at once |", anonymous.cpu.percent, anonymous.cpu.burst.as_millis()),
        format!("| {} | `--anonymous-frame-bytes` |", anonymous.request_bytes_max),
        format!("| requests in a batch | {} |", anonymous.batch_len_max),
        format!("| subscriptions begun by a connection | {} |", anonymous.subscriptions_max),
        format!("| {} bytes of a connection, {} of all |", anonymous.unread_bytes_max, anonymous.unread_bytes_sum_max),
        format!("| time without reading an answer | {} s |", anonymous.write_wait_max.as_secs()),
        format!("| time without a key | {} s |", auth.unauthenticated_wait_max.as_secs()),
    ] {
        assert!(section.contains(&said), "docs/operations.md lacks: {said}");
    }
}

/// Limits that callers can meet were not on the page, and the test of the fixed ones could not see that.
#[test]
fn the_fixed_limits_of_a_call_are_those_in_force() {
    let HostLimits { handles_max, answer_bytes_max, event_bytes_max, inference, tensor, storage, .. } =
        HostLimits::default();
    let expected = [
        ("handles at once (sessions, samplers, logits, tensors)", handles_max as u64),
        ("sessions at once", inference.sessions_max as u64),
        ("samplers at once", inference.samplers_max as u64),
        ("bytes of logits at once", inference.logits_bytes_max),
        ("bytes of tensors at once", tensor.bytes_max),
        ("multiplications of one matrix product", tensor.multiplications_max),
        ("bytes of an answer", answer_bytes_max.into()),
        ("bytes of one item of a stream", event_bytes_max.into()),
        ("bytes of a key in storage", storage.key_bytes_max.into()),
        ("bytes of a value in storage", storage.value_bytes_max.into()),
        ("bytes that a call writes", storage.transaction_bytes_max),
        ("keys that a call iterates over", storage.iteration_keys_max),
        ("bytes of a connection's memory", storage.connection_bytes_max),
    ];
    let (_, table) = section().split_once("| limit of a call | value |\n").expect("the table of fixed limits");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()).collect();
    let expected: Vec<_> = expected.map(|(name, value)| vec![name.to_owned(), value.to_string()]).into();
    assert_eq!(rows, expected);
}

#[test]
fn a_tenant_may_set_no_more_memory_than_a_sandbox_has() {
    let mut tenant = TenantSpec::new("tenant", "model").to_value();
    let most = ExecutorConfig::default().memory_bytes_max as u64;
    tenant["limits"]["guest_memory_bytes_max"] = most.into();
    TenantSpec::from_value(&tenant).expect("as much as a sandbox has");
    // More was accepted, echoed, and not in force.
    tenant["limits"]["guest_memory_bytes_max"] = (most + 1).into();
    let error = TenantSpec::from_value(&tenant).expect_err("more than a sandbox has").to_string();
    assert!(error.contains("guest_memory_bytes_max") && error.contains(&most.to_string()), "{error}");
}

#[test]
fn how_many_keys_there_may_be_is_what_is_said() {
    let KeyLimits { keys_max, keys_per_tenant_max, keys_reserved } = KeyLimits::default();
    let said = format!("| {keys_max}, {keys_per_tenant_max}, {keys_reserved};");
    assert!(PAGE.contains(&said), "docs/operations.md lacks: {said}");
}
