//! Blobs that are no runtimes, and what they are told.

use super::{
    blob::{ALLOC, blob, raw, section, sections, version},
    guest::{Guest, executor_config},
};
use parity_scale_codec::Encode;
use realm_node::executor::CodeError;

fn check(guest: &Guest, code: &[u8], expected: fn(&CodeError) -> bool) {
    match guest.executor.compile(code) {
        Ok(_) => panic!("accepted"),
        Err(error) => assert!(expected(&error), "{error:?}"),
    }
}

fn module(fields: &str) -> Vec<u8> {
    raw(&format!("(module {fields})"))
}

#[test]
fn each_step_has_its_own_error() {
    let guest = Guest::new();
    let memory = "(memory (export \"memory\") 1)";
    let sections = sections();
    let good = blob("", "");
    guest.executor.compile(&good).unwrap();

    check(&guest, &[], |error| matches!(error, CodeError::NotWasm(_)));
    check(&guest, b"#!/bin/sh", |error| matches!(error, CodeError::NotWasm(_)));
    check(&guest, &good[..good.len() / 2], |error| {
        matches!(error, CodeError::NotWasm(_) | CodeError::MissingSection { .. })
    });
    check(
        &guest,
        &vec![0; executor_config().code_bytes_max + 1],
        |error| matches!(error, CodeError::TooLarge { limit, .. } if *limit == executor_config().code_bytes_max),
    );
    check(&guest, &blob("", "(func $begin) (start $begin)"), |error| matches!(error, CodeError::StartFunction));
    check(&guest, &module(&format!("{ALLOC} {sections}")), |error| {
        matches!(error, CodeError::MissingExport { name: "memory", .. })
    });
    check(&guest, &module(&format!("{memory} {sections}")), |error| {
        matches!(error, CodeError::MissingExport { name: "realm_alloc", .. })
    });
    let wrong_alloc = "(func (export \"realm_alloc\") (param i64) (result i32) unreachable)";
    check(&guest, &module(&format!("{memory} {wrong_alloc} {sections}")), |error| {
        matches!(error, CodeError::MissingExport { name: "realm_alloc", .. })
    });
    let big_memory = "(memory (export \"memory\") 257)";
    check(&guest, &module(&format!("{big_memory} {ALLOC} {sections}")), |error| {
        matches!(error, CodeError::MemoryTooLarge { .. } | CodeError::Compile(_))
    });
    let apis = section("runtime_apis", &[0; 12]);
    let version_section = section("runtime_version", &version().encode());
    check(&guest, &module(&format!("{memory} {ALLOC} {apis}")), |error| {
        matches!(error, CodeError::MissingSection { name: "runtime_version" })
    });
    check(&guest, &module(&format!("{memory} {ALLOC} {version_section}")), |error| {
        matches!(error, CodeError::MissingSection { name: "runtime_apis" })
    });
    let odd_apis = section("runtime_apis", &[0; 13]);
    check(&guest, &module(&format!("{memory} {ALLOC} {version_section} {odd_apis}")), |error| {
        matches!(error, CodeError::BadSection { name: "runtime_apis", .. })
    });
    let odd_version = section("runtime_version", &[0xff; 40]);
    check(&guest, &module(&format!("{memory} {ALLOC} {odd_version} {apis}")), |error| {
        matches!(error, CodeError::BadSection { name: "runtime_version", .. })
    });
    check(&guest, &blob("", "(table 100000 funcref)"), |error| matches!(error, CodeError::Compile(_)));
}

#[test]
fn unknown_imports_are_all_named() {
    let imports = r#"
        (import "realm_context_v1" "take" (func (param i32 i32) (result i64)))
        (import "realm_tensor_v9" "get_tensor" (func (param i32 i32) (result i64)))
        (import "env" "exit" (func))
    "#;
    match Guest::new().executor.compile(&blob(imports, "")) {
        Err(CodeError::UnknownImports { names }) => assert_eq!(names, ["realm_tensor_v9.get_tensor", "env.exit"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_import_of_another_type_is_refused() {
    let imports = r#"(import "realm_context_v1" "take" (func (param i32) (result i64)))"#;
    check(
        &Guest::new(),
        &blob(imports, ""),
        |error| matches!(error, CodeError::ImportType(text) if text.contains("take")),
    );
}

#[test]
fn an_accepted_blob_tells_its_version_and_functions() {
    let code = blob("", "(func (export \"Api_f\") (param i32 i32) (result i64) unreachable) (func (export \"g\"))");
    let compiled = Guest::new().compile(&code);
    assert_eq!(compiled.hash.0, sp_crypto_hashing::blake2_256(&code));
    assert_eq!(compiled.version.spec_version, 7);
    assert_eq!(compiled.version.apis, [([1, 2, 3, 4, 5, 6, 7, 8], 9)]);
    assert_eq!(compiled.exports, ["Api_f"]);
}
