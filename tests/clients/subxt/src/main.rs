//! subxt, unmodified: typed calls, a hot swap on one connection, the new function.
//!
//! usage: realm-subxt-client URL
//!
//! It says READY when it has called the first runtime, and DONE when it has called the function that the
//! next one adds.

use scale_decode::DecodeAsType;
use std::{error::Error, time::Duration};
use subxt::{
    OnlineClient, SubstrateConfig,
    dynamic::{self, Value},
};

const PROMPT: &str = "Once upon a time";
const TEXT: &str = "A fox met a crow. The crow had cheese. The fox sang, and the cheese fell.";
const TOKENS: u32 = 8;
const HANG: Duration = Duration::from_secs(100);

/// What is looked at of each result; subxt finds the fields by their names in the metadata.
#[derive(Debug, DecodeAsType)]
struct Health {
    healthy: bool,
    spec_version: u32,
}

#[derive(Debug, DecodeAsType)]
struct ModelInfo {
    architecture: String,
    context_length: u32,
}

#[derive(Debug, DecodeAsType)]
struct Generated {
    text: String,
    tokens_generated: u32,
}

#[derive(Debug, DecodeAsType)]
struct Summary {
    tokens_generated: u32,
}

type Client = OnlineClient<SubstrateConfig>;

/// Calls a function at the newest block. The runtime's own errors are whatever they are.
async fn call<T: DecodeAsType>(client: &Client, api: &str, method: &str, arguments: Vec<Value>) -> Result<T, Box<dyn Error>> {
    let payload = dynamic::runtime_api_call::<Vec<Value>, Result<T, Value>>(api, method, arguments);
    let answer = client.at_current_block().await?.runtime_apis().call(payload).await?;
    answer.map_err(|error| format!("{api}.{method} answered {error}").into())
}

fn some(value: Value) -> Value {
    Value::unnamed_variant("Some", [value])
}

fn generate_options() -> Value {
    let given = [("max_tokens", some(Value::u128(TOKENS.into()))), ("temperature", some(Value::u128(0)))];
    let absent = [
        "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "stop",
        "logprobs", "speculation",
    ];
    let none = || Value::unnamed_variant("None", []);
    Value::named_composite(given.into_iter().chain(absent.into_iter().map(|name| (name, none()))))
}

async fn run(url: &str) -> Result<(), Box<dyn Error>> {
    let client = Client::from_url(url).await?;
    let health: Health = call(&client, "RealmApi", "health_check", vec![]).await?;
    assert!(health.healthy, "{health:?}");
    let info: ModelInfo = call(&client, "RealmApi", "get_model_info", vec![]).await?;
    assert!(info.architecture == "llama" && info.context_length > 0, "{info:?}");
    let arguments = vec![Value::string(PROMPT), generate_options()];
    let made: Generated = call(&client, "RealmApi", "generate", arguments).await?;
    assert!(made.tokens_generated == TOKENS && !made.text.is_empty(), "{made:?}");
    println!("READY");

    // Each call looks at the newest block's runtime, so the new one is seen without doing anything.
    let summarize = || vec![Value::string(TEXT), some(Value::u128(1))];
    let followed = async {
        while call::<Health>(&client, "RealmApi", "health_check", vec![]).await?.spec_version == health.spec_version {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        call::<Summary>(&client, "SummaryApi", "summarize", summarize()).await
    };
    let summary = tokio::time::timeout(HANG, followed).await??;
    assert!(summary.tokens_generated > 0, "{summary:?}");
    println!("DONE");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: realm-subxt-client URL")?;
    run(&url).await
}
