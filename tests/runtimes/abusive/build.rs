//! Compiles this crate to its wasm blob.

fn main() {
    realm_wasm_builder::build_blob();
}
