//! Names, documents and differences, from the same test runtime.

mod common;

use common::test_metadata;
use realm_metadata::{ApiInfo, Change, DiscoveryHeader, Metadata, MetadataDiff, discovery, openrpc};
use realm_primitives::{
    api::{ApiDeclaration, ArgumentDeclaration, MethodDeclaration, RuntimeApis},
    metadata,
};
use scale_info::{TypeInfo, meta_type};
use serde_json::{Value, json};

#[test]
fn names() {
    let metadata = test_metadata();
    let check = |name: &str, expected: &str| match metadata.resolve(name) {
        Ok(function) => assert_eq!(function.name.full(), expected),
        Err(error) => assert_eq!(error.to_string(), expected),
    };
    check("generate", "TestApi_generate");
    check("TestApi_generate", "TestApi_generate");
    check("only_here", "OtherApi_only_here");
    check(
        "health_check",
        "several functions are called `health_check`; say which: TestApi_health_check, OtherApi_health_check",
    );
    check("OtherApi_health_check", "OtherApi_health_check");
    // Core's `version` needs its full name, so another API's is not ambiguous.
    check("version", "OtherApi_version");
    check("Core_version", "Core_version");
    check("metadata_versions", "the runtime has no function `metadata_versions`");
    check("generat", "the runtime has no function `generat`; did you mean `generate`?");
    check("Generate", "the runtime has no function `Generate`; did you mean `generate`?");
    check("TestApi_chatt", "the runtime has no function `TestApi_chatt`; did you mean `TestApi_chat`?");
    check("", "the runtime has no function ``");
    check(&"y".repeat(1_000_000), &format!("the runtime has no function `{}..`", "y".repeat(64)));

    let function = metadata.resolve("generate").expect("known");
    assert_eq!((function.name.api(), function.name.bare()), ("TestApi", "generate"));
}

#[test]
fn the_discovery_document() {
    let metadata = test_metadata();
    let document = discovery(&metadata, &DiscoveryHeader { version: "1.2.3", spec_name: "test", spec_version: 7 });
    assert_eq!(
        (&document["version"], &document["spec_name"], &document["spec_version"]),
        (&json!("1.2.3"), &json!("test"), &json!(7))
    );
    assert_eq!(document["metadata_hash"], json!(metadata.hash().to_string()));

    let functions = document["functions"].as_array().expect("array");
    let named = |name: &str| functions.iter().find(|function| function["name"] == name).unwrap_or(&Value::Null);
    assert_eq!(
        *named("generate"),
        json!({
            "name": "generate", "api": "TestApi",
            "params": [
                {"name": "prompt", "type": "String", "optional": false},
                {"name": "options", "type": "GenerateOptions", "optional": true},
            ],
            "returns": "GenerateResult", "errors": "RuntimeError", "stream": null,
            "description": "Generates.\n\nIn two paragraphs.",
        })
    );
    assert_eq!(named("chat")["stream"], "TokenEvent");
    assert_eq!(named("chat")["params"][1]["type"], "Option<Vec<ChatMessage>>");
    // What is listed can be called by the name that is listed.
    for function in functions {
        let name = function["name"].as_str().expect("string");
        assert!(metadata.resolve(name).is_ok(), "{name}");
    }
    assert_eq!(*named("health_check"), Value::Null);
    assert_eq!(named("OtherApi_health_check")["returns"], "bool");
    assert_eq!(*named("Core_version"), Value::Null);

    let types = &document["types"];
    let fields = types["GenerateOptions"]["fields"].as_array().expect("array");
    assert_eq!(fields[1]["name"], "temperature");
    assert_eq!(fields[1]["type"], "Option<Milli>");
    assert_eq!(fields[1]["optional"], true);
    assert!(fields[1]["description"].as_str().is_some_and(|docs| docs.contains("temperature")));
    assert_eq!(types["Milli"]["kind"], "number");
    assert_eq!((&types["H256"]["kind"], &types["H256"]["as"]), (&json!("hex"), &json!("[u8; 32]")));
    let variants: Vec<&Value> =
        types["FinishReason"]["variants"].as_array().expect("array").iter().map(|variant| &variant["name"]).collect();
    assert_eq!(variants, ["stop", "length"]);
    assert_eq!(types["UncheckedExtrinsic"], Value::Null, "what only stock clients want is not listed");
}

#[test]
fn the_openrpc_document() {
    let metadata = test_metadata();
    let info = ApiInfo { title: "Realm", version: "1.2.3", description: "A node" };
    let own = json!({"name": "realm_call", "params": [], "result": {"name": "result", "schema": {}}});
    let document = openrpc(&metadata, &info, vec![own.clone()]);
    let methods = document["methods"].as_array().expect("array");
    assert_eq!(methods[0], own);
    let generate = methods.iter().find(|method| method["name"] == "TestApi_generate").expect("listed");
    assert_eq!(
        generate["params"][1],
        json!({
            "name": "options", "required": false, "schema": {"$ref": "#/components/schemas/GenerateOptions"},
        })
    );

    let schemas = document["components"]["schemas"].as_object().expect("object");
    let options = &schemas["GenerateOptions"];
    assert_eq!(options["additionalProperties"], false);
    assert_eq!(options["required"], json!([]));
    assert_eq!(options["properties"]["stop"]["oneOf"][0], json!({"type": "array", "items": {"type": "string"}}));
    // The types that hold themselves end.
    assert_eq!(schemas["Tree"]["properties"]["children"]["items"]["$ref"], "#/components/schemas/Tree");

    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let key = reference.split('"').next().expect("quoted");
        assert!(schemas.contains_key(key), "{key}");
    }
}

/// A runtime with one API of these methods.
fn runtime(methods: &'static [MethodDeclaration]) -> Metadata {
    let api = ApiDeclaration { name: "Api", id: [0; 8], version: 1, docs: &[], methods };
    Metadata::decode(&metadata::opaque(&[api], &common::test_version()).0).expect("good metadata")
}

/// Two versions of one type, as two runtimes have it.
#[allow(dead_code)] // Only described.
mod old {
    #[derive(scale_info::TypeInfo)]
    #[scale_info(replace_segment("old", "now"))]
    pub struct Answer {
        pub text: String,
    }
}
#[allow(dead_code)] // Only described.
mod new {
    #[derive(scale_info::TypeInfo)]
    #[scale_info(replace_segment("new", "now"))]
    pub struct Answer {
        pub text: String,
        pub turns: Option<u32>,
    }
}

const fn method<T: TypeInfo + 'static>(
    name: &'static str,
    arguments: &'static [ArgumentDeclaration],
) -> MethodDeclaration {
    MethodDeclaration { name, docs: &[], arguments, output: meta_type::<T>, stream: None }
}

#[test]
fn differences() {
    const TEXT: &[ArgumentDeclaration] = &[ArgumentDeclaration { name: "text", ty: meta_type::<String> }];
    const NUMBER: &[ArgumentDeclaration] = &[ArgumentDeclaration { name: "number", ty: meta_type::<u32> }];
    const OLD: &[MethodDeclaration] = &[
        method::<old::Answer>("ask", TEXT),
        method::<bool>("same", TEXT),
        method::<bool>("gone", TEXT),
        method::<bool>("moved", TEXT),
    ];
    const NEW: &[MethodDeclaration] = &[
        method::<new::Answer>("ask", TEXT),
        method::<bool>("same", TEXT),
        method::<bool>("came", TEXT),
        method::<bool>("moved", NUMBER),
    ];
    let (old, new) = (runtime(OLD), runtime(NEW));

    assert!(MetadataDiff::between(&old, &old).is_empty());
    let diff = MetadataDiff::between(&old, &new);
    assert_eq!(diff.functions.added, ["Api_came"]);
    assert_eq!(diff.functions.removed, ["Api_gone"]);
    let change = |name: &str, before: &str, after: &str| Change {
        name: name.into(),
        before: before.into(),
        after: after.into(),
    };
    assert_eq!(diff.functions.changed, [change("Api_moved", "(text: String) -> bool", "(number: u32) -> bool")]);
    assert_eq!(diff.types.changed, [change("Answer", "{text: String}", "{text: String, turns: Option<u32>}")]);
    assert_eq!(diff.to_json()["functions"]["added"], json!(["Api_came"]));
    assert_ne!(old.hash(), new.hash());
}

#[test]
fn the_test_runtime_is_whole() {
    assert_eq!(test_metadata().functions().len(), 8 + 3 + 2 + 3);
    assert_eq!(common::Runtime::DECLARATIONS.len(), 4);
}
