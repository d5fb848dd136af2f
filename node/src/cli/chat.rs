//! `realm chat`: lines in, answers out as they come. Ctrl-C cancels an answer, Ctrl-D leaves.

use super::{Failure, args::ChatArgs, block_on, client};
use jsonrpsee::core::client::Subscription;
use jsonrpsee_ws_client::WsClient;
use realm_rpc::{CallOptions, Event, EventBody, api::RealmClient};
use serde_json::{Value, json};
use std::io::{self, BufRead, IsTerminal, Write};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

/// The runtime's function that this talks with.
const FUNCTION: &str = "chat";
/// The field of its items and of its result that is text.
const ITEM_TEXT: &str = "token";

/// Talks until the input ends.
///
/// # Errors
/// The node cannot be reached, or the connection is lost.
pub fn run(args: ChatArgs) -> Result<(), Failure> {
    block_on(async {
        let node = client::connect(&args.node.url).await?;
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::Start(format!("cannot listen to Ctrl-C: {error}")))?;
        let mut lines = lines();
        let prompts = io::stdin().is_terminal();
        loop {
            if prompts {
                write_now("> ");
            }
            let line = tokio::select! {
                line = lines.recv() => line,
                _ = interrupt.recv() => {
                    write_now("\n(Ctrl-D leaves)\n");
                    continue;
                }
            };
            let Some(line) = line else { return Ok(()) };
            if line.trim().is_empty() {
                continue;
            }
            match answer(&node, &args, line, &mut interrupt).await {
                // The talk goes on: the next line may do better.
                Err(Failure::Answer(message)) => eprintln!("{message}"),
                Err(failure) => return Err(failure),
                Ok(()) => {}
            }
        }
    })
}

/// Asks, and prints the answer as it comes.
async fn answer(node: &WsClient, args: &ChatArgs, line: String, interrupt: &mut Signal) -> Result<(), Failure> {
    let mut params = json!({"message": line});
    if let (Some(name), Some(fields)) = (&args.conversation, params.as_object_mut()) {
        fields.insert("conversation".to_owned(), json!(name));
    }
    let options = CallOptions { tenant_id: args.tenant.clone(), ..CallOptions::default() }.to_value();
    let mut events = node.subscribe_events(FUNCTION.to_owned(), Some(params), Some(options)).await?;
    loop {
        tokio::select! {
            event = next(&mut events) => match event?.body {
                EventBody::Stream { data } => write_now(text(&data)),
                EventBody::Result { .. } => {
                    write_now("\n");
                    return Ok(());
                }
                EventBody::Error { error } => {
                    write_now("\n");
                    return Err(error.into());
                }
            },
            _ = interrupt.recv() => {
                write_now(" (cancelled)\n");
                // The node stops generating when it hears this.
                return Ok(events.unsubscribe().await?);
            }
        }
    }
}

async fn next(events: &mut Subscription<Event>) -> Result<Event, Failure> {
    events.next().await.ok_or_else(client::lost)?.map_err(client::unreadable)
}

fn text(item: &Value) -> &str {
    item.get(ITEM_TEXT).and_then(Value::as_str).unwrap_or_default()
}

fn write_now(text: &str) {
    let mut out = io::stdout();
    // A closed output is noticed at the next line's end of input.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Standard input's lines. Read by a thread of its own, because reading a terminal blocks.
fn lines() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receive
}
