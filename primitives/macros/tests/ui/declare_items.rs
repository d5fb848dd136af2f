realm_primitives::decl_runtime_apis! {
    pub trait Api {
        const LIMIT: u32;
        type Item;
        fn method() -> bool;
    }

    pub trait Empty {}
}

fn main() {}
