realm_primitives::decl_runtime_apis! {
    pub struct Api;
}

fn main() {}
