//! The file format at its boundary: what is read, and what each mistake is answered with.

use realm_chain_spec::{ChainSpec, CodeSource, ModelSource, TenantLimits};

fn minimal(field: &str, value: &str) -> String {
    let mut fields = vec![
        ("name", r#""Test""#),
        ("id", r#""test""#),
        ("models", r#"[{"name":"m","path":"weights/m.gguf"}]"#),
        ("tenants", r#"[{"id":"t","model":"m"}]"#),
    ];
    fields.retain(|(name, _)| *name != field);
    if !value.is_empty() {
        fields.push((field, value));
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    format!("{{{}}}", fields.join(","))
}

#[test]
fn a_minimal_file_gets_the_defaults() {
    let spec = ChainSpec::from_json(&minimal("", "")).unwrap();
    assert_eq!(spec.runtime, CodeSource::Embedded);
    assert_eq!(spec.models[0].path, ModelSource::File("weights/m.gguf".into()));
    assert_eq!((spec.tenants[0].weight, spec.tenants[0].limits.concurrent_calls_max), (1, 16));
}

#[test]
fn a_burst_is_a_minutes_unless_said_otherwise() {
    let limits = |json: &str| {
        let tenants = format!(r#"[{{"id":"t","model":"m","limits":{json}}}]"#);
        ChainSpec::from_json(&minimal("tenants", &tenants)).unwrap().tenants[0].limits
    };
    let given = limits(r#"{"requests_per_minute":30,"tokens_per_minute":9,"tokens_burst":4}"#);
    assert_eq!((given.requests_burst, given.tokens_burst), (30, 4));
    assert_eq!(limits("{}"), TenantLimits::default());
}

#[test]
fn presets_survive_their_own_json() {
    for name in ChainSpec::PRESETS {
        let spec = ChainSpec::preset(name).unwrap();
        assert_eq!(ChainSpec::from_json(&spec.to_json()).unwrap(), spec);
    }
    assert_eq!(ChainSpec::preset("main"), None);
}

#[test]
fn presets_name_the_hash_of_the_model_that_comes_with_the_node() {
    let line = include_str!("../../models/realm-demo.sha256");
    for name in ChainSpec::PRESETS {
        let hash = ChainSpec::preset(name).unwrap().models[0].sha256.unwrap();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(line.split_whitespace().next(), Some(hex.as_str()), "{name}");
    }
}

#[test]
fn relative_paths_count_from_the_file() {
    let folder = std::env::temp_dir().join(format!("realm-chain-spec-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("chain.json");
    std::fs::write(&file, minimal("runtime", r#""code.wasm""#)).unwrap();
    let spec = ChainSpec::from_file(&file).unwrap();
    assert_eq!(spec.runtime, CodeSource::File(folder.join("code.wasm")));
    assert_eq!(spec.models[0].path, ModelSource::File(folder.join("weights/m.gguf")));
    std::fs::remove_dir_all(&folder).unwrap();
    let missing = ChainSpec::from_file(&file).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read the chain specification"), "{missing}");
}

fn check(field: &str, value: &str, expected: &str) {
    let error = ChainSpec::from_json(&minimal(field, value)).unwrap_err().to_string();
    assert_eq!(error, format!("the chain specification is wrong at {expected}"));
}

#[test]
fn mistakes_are_named_with_their_path() {
    check("name", "", "name: the field is missing");
    check("name", r#""""#, "name: must be from 1 to 128");
    check("id", r#""../etc""#, "id: a name has 1 to 64 letters, digits, `_`, `-` or `.`");
    check(
        "extra",
        "1",
        "extra: there is no such field; known are name, id, runtime, models, tenants, authentication, properties",
    );
    check("runtime", r#""0x0""#, "runtime: expected `0x` and hex digits, two per byte");
    check("runtime", "7", "runtime: expected a string, found a number");
    check("models", "[]", "models: at least one entry is needed");
    check("models", r#"[{"name":"m"}]"#, "models[0].path: the field is missing");
    check(
        "models",
        r#"[{"name":"m","path":"p","sha256":"0x00"}]"#,
        "models[0].sha256: expected `0x` and hex digits, two per byte",
    );
    check(
        "models",
        r#"[{"name":"m","path":"a"},{"name":"m","path":"b"}]"#,
        "models[1].name: the name m is taken twice",
    );
    check("tenants", "{}", "tenants: expected an array, found an object");
    check("tenants", "[]", "tenants: at least one entry is needed");
    check("tenants", r#"[{"id":"t","model":"x"}]"#, "tenants[0].model: there is no model x");
    check("tenants", r#"[{"id":"t","model":"m"},{"id":"t","model":"m"}]"#, "tenants[1].id: the name t is taken twice");
    check("tenants", r#"[{"id":"t","model":"m","weight":0}]"#, "tenants[0].weight: must be from 1 to 1000");
    check(
        "tenants",
        r#"[{"id":"t","model":"m","limits":{"max_tokens":-1}}]"#,
        "tenants[0].limits.max_tokens: expected an integer from 0 up, found a number",
    );
    check(
        "tenants",
        r#"[{"id":"t","model":"m","prices":{"prompt":1}}]"#,
        "tenants[0].prices.prompt: there is no such field; known are prompt_nano_usd_per_1k, cached_nano_usd_per_1k, generated_nano_usd_per_1k",
    );
}

#[test]
fn what_is_not_json_is_said_so() {
    let error = ChainSpec::from_json("{").unwrap_err().to_string();
    assert!(error.starts_with("the chain specification is not JSON: "), "{error}");
}
