//! What exit codes mean, in one table: [`CODES`], which `--help` and the man page print.

use super::output::{Form, visible};
use realm_rpc::{ErrorCode, EventError};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Every exit code and what it means.
pub const CODES: [(u8, &str); 7] = [
    (0, "done"),
    (ANSWER, "the node answered with an error"),
    (USAGE, "the command line is wrong, or a file cannot be read or written"),
    (START, "the node cannot start: one line on standard error says what to do"),
    (CONNECTION, "the node or the hub cannot be reached, or the connection was lost"),
    (INTERRUPTED, "`realm serve` got a second signal while it stopped, a SIGINT, and ended at once"),
    (TERMINATED, "`realm serve` got a second signal while it stopped, a SIGTERM, and ended at once"),
];
const ANSWER: u8 = 1;
/// clap's own code for arguments that it refuses.
const USAGE: u8 = 2;
const START: u8 = 3;
const CONNECTION: u8 = 4;
/// As shells have it for a process that SIGINT ended.
pub const INTERRUPTED: u8 = 130;
/// As shells have it for a process that SIGTERM ended.
pub const TERMINATED: u8 = 143;

/// [`CODES`] as `--help` shows them.
pub fn help() -> String {
    let lines: Vec<String> = CODES.iter().map(|(code, meaning)| format!("  {code}  {meaning}")).collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The node answered with an error.
    Answer(Answer),
    /// An argument is wrong in a way that only the command could see.
    Usage(String),
    /// The node cannot start.
    Start(String),
    /// The node, or the hub that models are fetched from, cannot be reached.
    Connection(String),
}

/// An error that a node answered with.
#[derive(Debug)]
pub struct Answer {
    /// The stable code, `RATE_LIMIT` for example; the number of JSON-RPC's own errors.
    pub code: String,
    /// What went wrong.
    pub message: String,
    /// The numbers of it.
    pub data: Value,
}

impl Failure {
    /// Prints the reason in one line on standard error and gives the exit code.
    pub fn report(self, form: Form) -> ExitCode {
        let code = self.code();
        match form {
            Form::Human => eprintln!("realm: {}", visible(&self.human().replace('\n', " "))),
            Form::Json => eprintln!("{}", self.json()),
        }
        ExitCode::from(code)
    }

    fn code(&self) -> u8 {
        match self {
            Failure::Answer(_) => ANSWER,
            Failure::Usage(_) => USAGE,
            Failure::Start(_) => START,
            Failure::Connection(_) => CONNECTION,
        }
    }

    /// One line for people: what is wrong, and what to do next.
    pub fn human(&self) -> String {
        match self {
            Failure::Answer(answer) => {
                let said = format!("{}: {}", answer.code, answer.message);
                answer.advice().map(|advice| format!("{said}; {advice}")).unwrap_or(said)
            }
            Failure::Usage(message) | Failure::Start(message) | Failure::Connection(message) => message.clone(),
        }
    }

    fn json(&self) -> Value {
        let (code, message, data) = match self {
            Failure::Answer(answer) => (answer.code.as_str(), &answer.message, answer.data.clone()),
            Failure::Usage(message) => ("USAGE", message, Value::Null),
            Failure::Start(message) => ("START", message, Value::Null),
            Failure::Connection(message) => ("CONNECTION", message, Value::Null),
        };
        json!({"error": {"code": code, "message": message, "data": data, "exit_code": self.code()}})
    }
}

impl Answer {
    /// What a person at a terminal can do about it, where the message does not say.
    fn advice(&self) -> Option<String> {
        let is = |code: ErrorCode| self.code == code.name();
        let say = |advice: &str| Some(advice.to_owned());
        match () {
            () if is(ErrorCode::UnknownFunction) => say("`realm metadata` lists the functions"),
            () if is(ErrorCode::Unauthenticated) => say("give a key with --api-key or in REALM_API_KEY"),
            () if is(ErrorCode::Forbidden) => {
                say("the key is not one for that; `--tenant` or another key may be meant")
            }
            () if is(ErrorCode::RateLimit) => match self.data["retry_after_ms"].as_u64() {
                Some(ms) => Some(format!("try again in {ms} ms")),
                None => say("try again a little later"),
            },
            () if is(ErrorCode::Overloaded) => say("the node is busy: try again a little later"),
            () if is(ErrorCode::DeadlineExceeded) => {
                say("--deadline-ms gives a call more time, as far as its tenant may")
            }
            () if is(ErrorCode::ContextOverflow) => say("shorten the prompt, or ask for fewer tokens"),
            () => None,
        }
    }
}

impl From<jsonrpsee::core::ClientError> for Failure {
    fn from(error: jsonrpsee::core::ClientError) -> Self {
        match error {
            jsonrpsee::core::ClientError::Call(error) => {
                let data: Value =
                    error.data().and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
                let code = data["code"].as_str().map_or_else(|| error.code().to_string(), str::to_owned);
                Failure::Answer(Answer { code, message: error.message().to_owned(), data })
            }
            error => Failure::Connection(format!("the connection failed: {error}")),
        }
    }
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Self {
        Failure::Answer(Answer { code: error.code, message: error.message, data: Value::Object(error.data) })
    }
}
