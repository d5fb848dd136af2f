struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        spec_name: "again",
        spec_version: 1,
        state_version: 1,
    }
}

fn main() {}
