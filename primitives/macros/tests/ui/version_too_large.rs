struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_name: "realm",
        impl_name: "realm",
        authoring_version: 1,
        spec_version: 1,
        impl_version: 1,
        transaction_version: 1,
        state_version: 256,
    }
}

fn main() {}
