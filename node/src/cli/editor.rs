//! Lines that a person types at a terminal: edited with the usual keys, with the lines of before on the arrow keys and
//! Ctrl-R. By a thread of its own, because reading a terminal blocks.
//!
//! The terminal is the editor's only while a line is wanted. Meanwhile it is as any program's, so that Ctrl-C is a
//! signal, and what is typed ahead waits for the next line.

use super::history::{self, History};
use rustyline::{Behavior, Config, DefaultEditor, error::ReadlineError};
use std::io::{self, IsTerminal};
use tokio::sync::mpsc;

/// What a person did at the prompt.
#[derive(Debug)]
pub enum Typed {
    /// Ended a line.
    Line(String),
    /// Threw the line away: Ctrl-C.
    Nothing,
    /// Wants to leave: Ctrl-D on an empty line, or the terminal is gone.
    End,
}

/// Reads a line whenever one is wanted.
#[derive(Debug)]
pub struct Editor {
    want: mpsc::Sender<()>,
    typed: mpsc::Receiver<io::Result<Typed>>,
    /// Whether the thread is at a line already.
    wanted: bool,
}

impl Editor {
    /// An editor that shows this prompt.
    ///
    /// # Errors
    /// The terminal cannot be used.
    pub fn new(prompt: &'static str) -> io::Result<Self> {
        let mut editor = config().and_then(DefaultEditor::with_config).map_err(into_io)?;
        let mut history = History::load(&mut editor);
        let (want, mut wants) = mpsc::channel(1);
        let (send, typed) = mpsc::channel(1);
        std::thread::spawn(move || {
            while let Some(()) = wants.blocking_recv() {
                let line = read(&mut editor, prompt);
                if matches!(line, Ok(Typed::Line(_))) {
                    history.keep(&mut editor);
                }
                if send.blocking_send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { want, typed, wanted: false })
    }

    /// What the person does next.
    ///
    /// # Errors
    /// The terminal cannot be read.
    ///
    /// # Cancel safety
    /// No line is lost; the prompt stays.
    pub async fn next(&mut self) -> io::Result<Typed> {
        if !self.wanted {
            // The thread ends only after the channel that it is asked by.
            self.want.send(()).await.map_err(io::Error::other)?;
            self.wanted = true;
        }
        let typed = self.typed.recv().await.unwrap_or(Ok(Typed::End));
        self.wanted = false;
        typed
    }
}

fn config() -> rustyline::Result<Config> {
    // Answers that go into a file or a pipe are not to have the editing in them.
    let behavior = if io::stdout().is_terminal() { Behavior::Stdio } else { Behavior::PreferTerm };
    let config = Config::builder().behavior(behavior).auto_add_history(true).history_ignore_space(true);
    Ok(config.max_history_size(history::ENTRIES_MAX)?.build())
}

fn read(editor: &mut DefaultEditor, prompt: &str) -> io::Result<Typed> {
    match editor.readline(prompt) {
        Ok(line) => Ok(Typed::Line(line)),
        Err(ReadlineError::Interrupted) => Ok(Typed::Nothing),
        Err(ReadlineError::Eof) => Ok(Typed::End),
        Err(error) => Err(into_io(error)),
    }
}

fn into_io(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    }
}
