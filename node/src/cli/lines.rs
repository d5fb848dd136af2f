//! Standard input's lines. Read by a thread of its own, because reading a terminal blocks.

use std::io::{self, BufRead};
use tokio::sync::mpsc;

/// Reads lines, one ahead.
#[derive(Debug)]
pub struct Lines(mpsc::Receiver<io::Result<String>>);

impl Lines {
    /// Begins to read.
    pub fn new() -> Self {
        let (send, receive) = mpsc::channel(1);
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                let failed = line.is_err();
                if send.blocking_send(line).is_err() || failed {
                    return;
                }
            }
        });
        Self(receive)
    }

    /// The next line without its end; `None` after the last.
    ///
    /// # Errors
    /// The input cannot be read.
    ///
    /// # Cancel safety
    /// No line is lost.
    pub async fn next(&mut self) -> io::Result<Option<String>> {
        self.0.recv().await.transpose()
    }
}
