//! `realm call`.

use super::{
    Failure,
    args::CallArgs,
    block_on, client,
    output::{self, Form},
};
use realm_rpc::{CallOptions, Event, EventBody, api::RealmClient};
use serde_json::Value;

/// Calls a function and prints its result as JSON.
///
/// # Errors
/// The parameters are no JSON, the node cannot be reached, or it answers with an error.
pub fn run(args: CallArgs, form: Form) -> Result<(), Failure> {
    let params = args.params.as_deref().map(parse).transpose()?;
    let options =
        CallOptions { tenant_id: args.tenant, deadline_ms: args.deadline_ms, ..CallOptions::default() }.to_value();
    block_on(async {
        let node = client::connect(&args.node).await?;
        if !args.stream {
            let result = node.call(args.function, params, Some(options)).await?;
            return match form {
                Form::Human => output::line(format_args!("{result:#}")),
                Form::Json => output::line(&result),
            };
        }
        let mut events = node.subscribe_events(args.function, params, Some(options)).await?;
        loop {
            let event: Event = events.next().await.ok_or_else(client::lost)?.map_err(client::unreadable)?;
            let last = event.is_last();
            match serde_json::to_string(&event) {
                Ok(line) => output::line(line)?,
                Err(error) => return Err(client::unreadable(error)),
            }
            match event.body {
                EventBody::Error { error } => return Err(error.into()),
                _ if last => return Ok(()),
                _ => {}
            }
        }
    })
}

/// JSON, or SCALE as it stands.
fn parse(text: &str) -> Result<Value, Failure> {
    if text.starts_with("0x") {
        return Ok(Value::String(text.to_owned()));
    }
    serde_json::from_str(text).map_err(|error| {
        Failure::Usage(format!("the parameters are not JSON: {error}; give for example '{{\"prompt\":\"Hi\"}}'"))
    })
}
