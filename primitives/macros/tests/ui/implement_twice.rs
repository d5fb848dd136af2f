#![allow(unused_imports)]

use realm_primitives::{api::Core, types::{RuntimeError, RuntimeVersion}};

realm_primitives::decl_runtime_apis! {
    pub trait Api {
        fn method(text: String) -> bool;
        fn other() -> bool;
    }
}

struct Runtime;

realm_primitives::impl_runtime_apis! {
    impl Core for Runtime {
        fn version() -> RuntimeVersion {
            unimplemented!()
        }
        fn migrate(_: u32) -> Result<(), RuntimeError> {
            Ok(())
        }
    }

    impl Api for Runtime {
        fn method(text: String) -> bool {
            true
        }
        fn other() -> bool {
            true
        }
    }

    impl Api for Runtime {
        fn method(text: String) -> bool {
            true
        }
        fn method(text: String) -> bool {
            true
        }
    }
}

fn main() {}
