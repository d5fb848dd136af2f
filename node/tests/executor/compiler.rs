//! Blobs that are compiled in a process of their own, with the real program.

use super::guest::executor_config;
use realm_node::executor::{CodeError, Executor, ExecutorConfig};

fn executor(change: impl FnOnce(&mut ExecutorConfig)) -> Executor {
    let mut config = executor_config();
    config.compile_program = Some(env!("CARGO_BIN_EXE_realm").into());
    change(&mut config);
    Executor::new(config).unwrap()
}

#[test]
fn a_process_compiles_what_the_node_itself_compiles() {
    let executor = executor(|_| {});
    let code = realm_runtime::WASM_BINARY;
    let (aside, here) = (executor.compile_aside(code).unwrap(), executor.compile(code).unwrap());
    assert_eq!((aside.hash, &aside.version, &aside.exports), (here.hash, &here.version, &here.exports));
}

#[test]
fn a_process_that_takes_too_much_is_ended_and_nothing_else_is() {
    let executor = executor(|config| config.compile_memory_bytes_max = 8 << 20);
    let error = executor.compile_aside(realm_runtime::WASM_BINARY).unwrap_err();
    let CodeError::Compiler { why } = &error else { panic!("{error:?}") };
    assert!(why.contains("8388608 bytes"), "{why}");
    executor.compile(realm_runtime::WASM_BINARY).unwrap();
}

#[test]
fn a_program_that_is_no_compiler_is_an_error() {
    for program in ["/nowhere/realm", "/bin/true", "/bin/false"] {
        let executor = executor(|config| config.compile_program = Some(program.into()));
        let error = executor.compile_aside(realm_runtime::WASM_BINARY).unwrap_err();
        assert!(matches!(error, CodeError::Compiler { .. } | CodeError::Compile(_)), "{program}: {error:?}");
    }
}
