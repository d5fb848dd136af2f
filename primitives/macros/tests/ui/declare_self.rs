realm_primitives::decl_runtime_apis! {
    pub trait Api {
        fn by_reference(&self, text: String) -> bool;
        fn by_value(self) -> bool;
    }
}

fn main() {}
