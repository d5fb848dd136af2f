realm_primitives::decl_runtime_apis! {
    pub trait Api {
        fn ignored(_: String) -> bool;
        fn tuple((left, right): (u32, u32)) -> bool;
        fn mutable(mut text: String) -> bool;
    }
}

fn main() {}
