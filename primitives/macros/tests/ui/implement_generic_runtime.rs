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
    impl<T> Api for Vec<T> {
        fn method(text: String) -> bool {
            true
        }
        fn other() -> bool {
            true
        }
    }
}

fn main() {}
