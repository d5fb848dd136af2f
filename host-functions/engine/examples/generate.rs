//! Writes on from a prompt, greedily: `cargo run --release -p realm-engine --example generate -- MODEL.gguf [PROMPT] [TOKENS]`.
//!
//! The smallest use of the engine: load a model, open a session, and call forward until the model ends its text.

use std::io::Write;
use std::path::Path;

use realm_engine::{EngineConfig, Model, Rows, Silent, TenantKey};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: generate MODEL.gguf [PROMPT] [TOKENS]")?;
    let prompt = arguments.next().unwrap_or_default();
    let tokens_max: usize = arguments.next().map_or(Ok(256), |count| count.parse())?;

    let model = Model::load(Path::new(&path), &EngineConfig::default(), &Silent)?;
    // An empty prompt begins a new text: just what the model expects before one.
    let mut tokens = match prompt.is_empty() {
        true => model.tokenizer().prefix().to_vec(),
        false => model.tokenizer().encode(&prompt, true)?,
    };
    let mut session = model.open_session(TenantKey::new([0; 32]), &[])?;
    let mut detokenizer = model.tokenizer().detokenizer();
    print!("{prompt}");
    let began = std::time::Instant::now();
    let mut count = 0;
    while count < tokens_max {
        let logits = session.forward(tokens, Rows::Last).await?;
        let largest = (0u32..).zip(&logits.data).max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        let Some((token, _)) = largest else { break };
        if model.tokenizer().is_end(token) {
            break;
        }
        print!("{}", detokenizer.push(token));
        std::io::stdout().flush()?;
        tokens = vec![token];
        count += 1;
    }
    println!("{}", detokenizer.finish());
    eprintln!("{count} tokens, {:.0} a second", count as f64 / began.elapsed().as_secs_f64());
    Ok(())
}
