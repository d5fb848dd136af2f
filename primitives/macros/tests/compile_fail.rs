//! Misuse of the macros: each case in `ui` fails to compile with the message in the file beside it.
//! The messages are the macros' own, so they do not change with the compiler. To write new ones:
//! `TRYBUILD=overwrite cargo test -p realm-macros`.

#[test]
fn misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
