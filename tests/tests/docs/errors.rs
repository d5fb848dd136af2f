//! Every error code of the one table is in the protocol's documentation.

use realm_rpc::ErrorCode;

#[test]
fn every_code_is_documented() {
    let documented = include_str!("../../../docs/protocol.md");
    let table = documented.rsplit("| code | what it says |").next().expect("the table of errors");
    let words: Vec<&str> = table.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).collect();
    for code in ErrorCode::ALL {
        assert!(words.contains(&code.name()), "docs/protocol.md lacks {}", code.name());
    }
}
