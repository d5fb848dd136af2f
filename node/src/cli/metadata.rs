//! `realm metadata`.

use super::{
    Failure,
    args::NodeArgs,
    block_on, client,
    output::{self, Form},
};
use realm_rpc::api::SystemClient;
use serde_json::Value;

/// Prints what can be called: a line for each function, or the whole discovery document.
///
/// # Errors
/// The node cannot be reached.
pub fn run(args: NodeArgs, form: Form) -> Result<(), Failure> {
    block_on(async {
        let document = client::connect(&args).await?.metadata().await?;
        match form {
            Form::Json => output::line(&document),
            Form::Human => human(&document),
        }
    })
}

fn human(document: &Value) -> Result<(), Failure> {
    output::line(format_args!(
        "{} version {}, metadata {}",
        text(&document["spec_name"]),
        document["spec_version"],
        text(&document["metadata_hash"])
    ))?;
    for function in items(&document["functions"]) {
        output::line(format_args!("\n{}", signature(function)))?;
        // The first paragraph says what it is; the rest is in the document.
        let docs = text(&function["description"]);
        for line in docs.trim().lines().take_while(|line| !line.trim().is_empty()) {
            output::line(format_args!("    {}", line.trim()))?;
        }
    }
    Ok(())
}

/// `generate(prompt: String, options?: GenerateOptions) -> GenerateResult, streams TokenEvent`
fn signature(function: &Value) -> String {
    let params: Vec<String> = items(&function["params"])
        .map(|param| {
            let mark = if param["optional"] == true { "?" } else { "" };
            format!("{}{mark}: {}", text(&param["name"]), text(&param["type"]))
        })
        .collect();
    let head = format!("{}({}) -> {}", text(&function["name"]), params.join(", "), text(&function["returns"]));
    match function["stream"].as_str() {
        Some(item) => format!("{head}, streams {item}"),
        None => head,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
