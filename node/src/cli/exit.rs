//! What exit codes mean.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | the node answered with an error |
//! | 2 | the command line is wrong |
//! | 3 | the node cannot start: one line on standard error says what to do |
//! | 4 | the node cannot be reached, or the connection was lost |

use realm_rpc::EventError;
use std::process::ExitCode;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The node answered with an error.
    Answer(String),
    /// An argument is wrong in a way that only the command could see.
    Usage(String),
    /// The node cannot start.
    Start(String),
    /// The node cannot be reached.
    Connection(String),
}

impl Failure {
    /// Prints the reason in one line and gives the exit code.
    pub fn report(self) -> ExitCode {
        let (code, message) = match self {
            Failure::Answer(message) => (1, message),
            Failure::Usage(message) => (2, message),
            Failure::Start(message) => (3, message),
            Failure::Connection(message) => (4, message),
        };
        eprintln!("realm: {}", message.replace('\n', " "));
        ExitCode::from(code)
    }
}

impl From<jsonrpsee::core::ClientError> for Failure {
    fn from(error: jsonrpsee::core::ClientError) -> Self {
        match error {
            jsonrpsee::core::ClientError::Call(error) => {
                let data: Option<serde_json::Value> =
                    error.data().and_then(|data| serde_json::from_str(data.get()).ok());
                let code = data.as_ref().and_then(|data| data.get("code")).and_then(|code| code.as_str());
                Failure::Answer(match code {
                    Some(code) => format!("{code}: {}", error.message()),
                    None => format!("{} ({})", error.message(), error.code()),
                })
            }
            error => Failure::Connection(format!("the connection failed: {error}")),
        }
    }
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Self {
        Failure::Answer(format!("{}: {}", error.code, error.message))
    }
}
