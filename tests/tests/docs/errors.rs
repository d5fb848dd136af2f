//! The protocol's table of error codes has every code of the node and no other.

use realm_rpc::ErrorCode;
use std::collections::BTreeSet;

#[test]
fn the_table_has_every_code_and_no_other() {
    let (_, table) =
        include_str!("../../../docs/protocol.md").split_once("| code | what it says |\n").expect("the table");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split(','));
    let mut documented = BTreeSet::new();
    for name in names.map(str::trim) {
        assert!(documented.insert(name), "docs/protocol.md has {name} twice");
    }
    assert_eq!(documented, ErrorCode::ALL.iter().map(|code| code.name()).collect());
}
