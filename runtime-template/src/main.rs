//! Writes the blob: `cargo run --release -- FILE.wasm`.

fn main() -> std::io::Result<()> {
    let file = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("usage: my-runtime FILE.wasm"))?;
    std::fs::write(&file, my_runtime::WASM_BINARY)?;
    println!("{file}: {} bytes", my_runtime::WASM_BINARY.len());
    Ok(())
}
