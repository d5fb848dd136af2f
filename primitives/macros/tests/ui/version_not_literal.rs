const VERSION: u32 = 1;
struct Runtime;

realm_primitives::runtime_version! {
    Runtime {
        spec_version: VERSION,
    }
}

fn main() {}
