struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        apis: 1,
    }
}

fn main() {}
