//! A client in Rust: `realm-rpc` with the feature `client` gives every jsonrpsee client typed methods.
//! `cargo run --release -p realm-tests --example client -- ws://127.0.0.1:9944`

use jsonrpsee_ws_client::WsClientBuilder;
use realm_rpc::{
    CallOptions, EventBody,
    api::{RealmClient, ResumeClient},
};
use serde_json::{Value, json};
use std::error::Error;

/// Streams an answer, leaves after its first token, and takes it up again. Gives the text.
pub async fn story(url: &str) -> Result<String, Box<dyn Error>> {
    let client = WsClientBuilder::default().build(url).await?;
    let params = json!({"prompt": "Once upon a time", "max_tokens": 20, "temperature": 0});
    let options = CallOptions { id: Some("story".into()), resumable: true, ..CallOptions::default() };
    let mut events = client.subscribe_events("stream_generate".into(), Some(params), Some(options.to_value())).await?;
    let first = events.next().await.ok_or("the connection was lost")??;
    let mut text = token(&first.body);
    // A second reader follows from where the first one stops.
    let mut rest = client.resume("story".into(), first.seq + 1, None).await?;
    drop(events);
    while let Some(event) = rest.next().await {
        match event?.body {
            EventBody::Result { .. } => return Ok(text),
            EventBody::Error { error } => return Err(error.message.into()),
            body => text += &token(&body),
        }
    }
    Err("the connection was lost".into())
}

fn token(body: &EventBody) -> String {
    match body {
        EventBody::Stream { data } => data["token"].as_str().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

/// Whether the node can answer.
pub async fn health(url: &str) -> Result<Value, Box<dyn Error>> {
    let client = WsClientBuilder::default().build(url).await?;
    Ok(RealmClient::call(&client, "health_check".into(), None, None).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9944".into());
    println!("{}", health(&url).await?);
    println!("{}", story(&url).await?);
    Ok(())
}
