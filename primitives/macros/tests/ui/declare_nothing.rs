realm_primitives::decl_runtime_apis! {}

fn main() {}
