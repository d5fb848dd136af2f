//! The node offers exactly the imports that the guest declares, under the same types.

use super::{guest::Guest, script};
use realm_host_functions::HostFunction;

#[tokio::test(flavor = "multi_thread")]
async fn the_offer_is_the_guests_list() {
    let declared: Vec<_> = script::raw_imports().into_iter().map(|import| (import.module, import.name)).collect();
    let offered: Vec<_> =
        HostFunction::ALL.iter().map(|function| (function.module().to_owned(), function.name().to_owned())).collect();
    assert_eq!(declared, offered);
    // Linking checks the types.
    Guest::new().compile(&script::script_blob());
}
