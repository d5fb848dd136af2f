realm_primitives::decl_runtime_apis! {
    pub trait Api<T> {
        fn generic<U: Clone>(value: U) -> bool;
        fn lifetime<'a>(value: Vec<u8>) -> bool;
        fn opaque(value: impl Clone) -> bool;
        fn of_self(value: Self::Item) -> bool;
    }

    pub trait Sub: Clone {
        fn method() -> bool;
    }
}

fn main() {}
