realm_primitives::impl_runtime_apis! {
    struct Runtime;
}

fn main() {}
