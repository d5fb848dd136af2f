realm_primitives::decl_runtime_apis! {
    pub trait Api {
        fn method() -> bool;
        fn method(text: String) -> bool;
        fn arguments(text: String, text: u32) -> bool;
    }
}

fn main() {}
