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
    let code = realm_runtime::WASM_BINARY;
    let here = executor(|config| config.compile_program = None).compile(code).unwrap();
    let executor = executor(|_| {});
    for there in [executor.compile_aside(code).unwrap(), executor.compile(code).unwrap()] {
        assert_eq!((there.hash, &there.version, &there.exports), (here.hash, &here.version, &here.exports));
    }
}

#[test]
fn a_process_that_takes_too_much_is_ended_and_nothing_else_is() {
    let executor = executor(|config| config.compile_memory_bytes_max = 8 << 20);
    // At a start a stored runtime was compiled without any bound, inside the node.
    for compile in [Executor::compile_aside, Executor::compile] {
        let error = compile(&executor, realm_runtime::WASM_BINARY).unwrap_err();
        let CodeError::Compiler { why } = &error else { panic!("{error:?}") };
        assert!(why.contains("8388608 bytes"), "{why}");
    }
}

/// The compiler inherited the node's environment, REALM_API_KEY and HF_TOKEN with it.
#[test]
fn a_compiler_gets_nothing_of_the_nodes_environment() {
    let folder = tempfile::tempdir().unwrap();
    let (program, seen) = (folder.path().join("program"), folder.path().join("seen"));
    let script = format!("#!/bin/sh\nenv > {0}\nexec {1} \"$@\"\n", seen.display(), env!("CARGO_BIN_EXE_realm"));
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let executor = executor(|config| config.compile_program = Some(program));
    executor.compile_aside(realm_runtime::WASM_BINARY).expect("it compiles all the same");
    let seen = std::fs::read_to_string(&seen).unwrap();
    let given: Vec<_> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    // What a shell sets by itself, and where libraries are.
    let own = ["PWD", "OLDPWD", "SHLVL", "_", "LD_LIBRARY_PATH"];
    let leaked: Vec<_> = given.iter().filter(|name| !own.contains(name)).collect();
    assert!(std::env::vars().count() > own.len(), "the test has an environment");
    assert!(leaked.is_empty(), "{leaked:?}");
}

#[test]
fn a_program_that_is_no_compiler_is_an_error() {
    for program in ["/nowhere/realm", "/bin/true", "/bin/false"] {
        let executor = executor(|config| config.compile_program = Some(program.into()));
        let error = executor.compile_aside(realm_runtime::WASM_BINARY).unwrap_err();
        assert!(matches!(error, CodeError::Compiler { .. } | CodeError::Compile(_)), "{program}: {error:?}");
    }
}
