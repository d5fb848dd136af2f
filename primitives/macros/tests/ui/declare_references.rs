realm_primitives::decl_runtime_apis! {
    pub trait Api {
        fn text(text: &str) -> bool;
        fn bytes(bytes: &[u8]) -> bool;
        fn mutable(value: &mut u32) -> bool;
        fn output() -> &'static str;
    }
}

fn main() {}
