realm_primitives::decl_runtime_apis! {
    pub trait Api {
        fn nothing(text: String);
    }
}

fn main() {}
