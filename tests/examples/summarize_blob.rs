//! Writes the example runtime to a file, to be uploaded with `realm upgrade FILE` or by the clients'
//! programs: `cargo run --release -p realm-tests --example summarize_blob -- summarize.wasm`

fn main() -> std::io::Result<()> {
    match std::env::args_os().nth(1) {
        Some(path) => std::fs::write(path, realm_summarize_runtime::WASM_BINARY),
        None => Err(std::io::Error::other("usage: summarize_blob FILE")),
    }
}
