//! `realm chat`: lines in, answers out as they come. Ctrl-C cancels an answer, Ctrl-D leaves.

use super::{
    Failure,
    args::ChatArgs,
    block_on, client,
    editor::{Editor, Typed},
    lines::Lines,
    output::{Form, visible},
};
use jsonrpsee::core::client::Subscription;
use jsonrpsee_ws_client::WsClient;
use realm_rpc::{CallOptions, Event, EventBody, api::RealmClient};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The runtime's function that this talks with.
const FUNCTION: &str = "chat";
/// The field of its items and of its result that is text.
const ITEM_TEXT: &str = "token";
/// What stands before a line that is typed.
const PROMPT: &str = "> ";
/// What a person is told who may be looking for the way out.
const WAY_OUT: &str = "(Ctrl-D leaves)";

/// Where lines come from.
enum Input {
    /// A person at a terminal.
    Edited(Editor),
    /// A script; `typed` if its lines are typed all the same, at a terminal with `--json`.
    Plain { lines: Lines, typed: bool },
}

/// Talks until the input ends. For scripts ([`Form::Json`]) it prints each answer's events, one a line.
///
/// # Errors
/// The node cannot be reached, or the connection is lost; where no person types, also the first
/// error of an answer.
pub fn run(args: ChatArgs, form: Form) -> Result<(), Failure> {
    block_on(async {
        let node = client::connect(&args.node).await?;
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::Start(format!("cannot listen to Ctrl-C: {error}")))?;
        let mut input = Input::open(form).map_err(unread)?;
        let typed = input.is_typed();
        loop {
            let line = tokio::select! {
                line = input.next() => line.map_err(unread)?,
                _ = interrupt.recv() => {
                    input.interrupted();
                    continue;
                }
            };
            let line = match line {
                Typed::Line(line) => line,
                Typed::Nothing => {
                    eprintln!("{WAY_OUT}");
                    continue;
                }
                Typed::End => return Ok(()),
            };
            if line.trim().is_empty() {
                continue;
            }
            match answer(&node, &args, line, form, &mut interrupt).await {
                // A person may do better with the next line.
                Err(failure @ Failure::Answer(_)) if typed => eprintln!("{}", visible(&failure.human())),
                Err(failure) => return Err(failure),
                Ok(()) => {}
            }
        }
    })
}

impl Input {
    fn open(form: Form) -> io::Result<Self> {
        let typed = io::stdin().is_terminal();
        if form == Form::Json || !typed {
            return Ok(Self::Plain { lines: Lines::new(), typed });
        }
        eprintln!("Ctrl-C cancels an answer, Ctrl-D leaves.");
        Ok(Self::Edited(Editor::new(PROMPT)?))
    }

    fn is_typed(&self) -> bool {
        matches!(self, Self::Edited(_) | Self::Plain { typed: true, .. })
    }

    /// A signal came while a line was waited for: from somebody else, from a terminal that cannot be edited on, or too
    /// late for the answer that it was to cancel. An editor is still at its line and does not show the prompt again.
    fn interrupted(&self) {
        eprintln!("\n{WAY_OUT}");
        if let Self::Edited(_) = self {
            eprint!("{PROMPT}");
        }
    }

    /// The next line.
    ///
    /// # Cancel safety
    /// No line is lost.
    async fn next(&mut self) -> io::Result<Typed> {
        match self {
            Self::Edited(editor) => editor.next().await,
            Self::Plain { lines, typed } => {
                if *typed {
                    eprint!("{PROMPT}");
                }
                Ok(lines.next().await?.map_or(Typed::End, Typed::Line))
            }
        }
    }
}

fn unread(error: io::Error) -> Failure {
    Failure::Usage(format!("cannot read the input: {error}"))
}

/// Asks, and prints the answer as it comes.
async fn answer(
    node: &WsClient,
    args: &ChatArgs,
    line: String,
    form: Form,
    interrupt: &mut Signal,
) -> Result<(), Failure> {
    let mut params = json!({"message": line});
    if let (Some(name), Some(fields)) = (&args.conversation, params.as_object_mut()) {
        fields.insert("conversation".to_owned(), json!(name));
    }
    let options = CallOptions { tenant_id: args.tenant.clone(), ..CallOptions::default() }.to_value();
    let mut events = node.subscribe_events(FUNCTION.to_owned(), Some(params), Some(options)).await?;
    loop {
        let event = tokio::select! {
            event = next(&mut events) => event?,
            _ = interrupt.recv() => {
                eprintln!(" (cancelled)");
                // The node stops generating when it hears this.
                return Ok(events.unsubscribe().await?);
            }
        };
        if form == Form::Json {
            write_now(&format!("{}\n", serde_json::to_string(&event).map_err(client::unreadable)?));
        }
        match (event.body, form) {
            (EventBody::Stream { data }, Form::Human) => write_now(&visible(text(&data))),
            (EventBody::Stream { .. }, Form::Json) => {}
            (EventBody::Result { .. }, Form::Json) => return Ok(()),
            (EventBody::Result { .. }, Form::Human) => {
                write_now("\n");
                return Ok(());
            }
            (EventBody::Error { error }, _) => return Err(error.into()),
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
