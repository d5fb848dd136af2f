//! `realm chat` at a terminal: a person types, at a pseudo-terminal.

use super::{Served, realm, serve, terminate};
use realm_test_models::{TinyLlama, write_tiny_llama};
use rexpect::{
    process::WaitStatus,
    session::{Options, PtySession, spawn_with_options},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Long enough for anything on a busy machine; only a hang takes so long.
const HANG_MS: u64 = 120_000;
/// What stands before a line: the editor goes to the line's beginning before it writes that.
const PROMPT: &str = "\n\r?> ";
const UP: &str = "\x1b[A";
const CTRL_C: char = 'c';
const CTRL_D: char = 'd';
const CTRL_R: char = 'r';

/// A model that does not end an answer by itself, and has room for several.
fn roomy() -> TinyLlama {
    TinyLlama { context_length: 8192, ..TinyLlama::default() }
}

fn node(folder: &Path, model: &TinyLlama) -> Served {
    let path = folder.join("model.gguf");
    write_tiny_llama(&path, model).unwrap();
    serve(path.to_str().unwrap())
}

/// A person at a terminal, and the prompt before them.
struct Terminal(PtySession);

impl Terminal {
    fn sit_down(url: &str, state: &Path) -> Self {
        Self::sit_down_and_read(url, state).0
    }

    /// The same, and what the program said before its first prompt.
    fn sit_down_and_read(url: &str, state: &Path) -> (Self, String) {
        let mut command = realm(&["chat", "--url", url]);
        command.env("TERM", "xterm").env("XDG_STATE_HOME", state);
        let options = Options::new().timeout_ms(Some(HANG_MS)).strip_ansi_escape_codes(true);
        let mut terminal = Self(spawn_with_options(command, options).expect("a terminal"));
        let said = terminal.is_asked();
        (terminal, said)
    }

    /// Waits for words; what came before them.
    fn sees(&mut self, words: &str) -> String {
        self.0.exp_string(words).unwrap_or_else(|error| panic!("{words:?} does not come: {error}"))
    }

    /// Waits for the prompt; what came before it.
    fn is_asked(&mut self) -> String {
        self.0.exp_regex(PROMPT).unwrap_or_else(|error| panic!("no prompt comes: {error}")).0
    }

    fn types(&mut self, text: &str) {
        self.0.send(text).and_then(|_| self.0.flush()).expect("the terminal takes it");
    }

    fn presses(&mut self, control: char) {
        self.0.send_control(control).expect("the terminal takes it");
    }

    /// Ends the line, waits for the answer and the next prompt.
    fn asks(&mut self) {
        self.types("\r");
        self.is_asked();
    }

    /// Leaves, and the program ends well.
    fn leaves(mut self) {
        self.presses(CTRL_D);
        let status = self.0.process().wait().expect("the program ends");
        assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
    }
}

fn kept(state: &Path) -> Vec<String> {
    let file = state.join("realm/chat_history");
    assert_eq!(fs::metadata(&file).expect("a history").permissions().mode() & 0o777, 0o600);
    // The first line says how the others are written.
    fs::read_to_string(&file).unwrap().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn lines_are_found_again_in_the_next_talk() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut served = node(folder.path(), &roomy());

    let mut first = Terminal::sit_down(&served.url, &state);
    for line in ["apples and pears", " a secret", "plums"] {
        first.types(line);
        first.asks();
    }
    first.types("never sent");
    first.presses(CTRL_C);
    first.is_asked();
    first.leaves();
    assert_eq!(kept(&state), ["apples and pears", "plums"]);

    let mut second = Terminal::sit_down(&served.url, &state);
    second.types(UP);
    second.sees("plums");
    second.presses(CTRL_C);
    second.is_asked();
    second.presses(CTRL_R);
    second.types("and");
    second.sees("apples and pears");
    second.asks();
    second.leaves();
    assert_eq!(kept(&state), ["apples and pears", "plums", "apples and pears"]);

    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}

#[test]
fn ctrl_c_cancels_an_answer_and_not_the_talk() {
    /// What is said of an answer that was cancelled, and of a Ctrl-C that came when it was already over.
    const CANCELLED: &str = "(cancelled)";
    const TOO_LATE: &str = "(Ctrl-D leaves)";

    let folder = tempfile::tempdir().unwrap();
    // Large enough that an answer takes longer than it takes to see its beginning and to press a key.
    let slow = TinyLlama { layers: 16, hidden: 256, feed_forward: 1024, ..roomy() };
    let mut served = node(folder.path(), &slow);
    let mut terminal = Terminal::sit_down(&served.url, &folder.path().join("state"));
    let cancelled = (0..20).any(|_| {
        terminal.types("tell me everything\r");
        // Some of the answer, behind the line's own end.
        terminal.0.exp_regex("\n[^\r\n]").expect("an answer begins");
        terminal.presses(CTRL_C);
        let (_, said) =
            terminal.0.exp_regex(&format!("{}|{}", regex_of(CANCELLED), regex_of(TOO_LATE))).expect("it is heard");
        terminal.is_asked();
        said == CANCELLED
    });
    assert!(cancelled, "of twenty answers one takes longer than a key press");
    terminal.types("and now?");
    terminal.asks();
    terminal.leaves();

    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}

/// A pattern that matches these words alone.
fn regex_of(words: &str) -> String {
    words.replace('(', "\\(").replace(')', "\\)")
}

#[test]
fn a_history_that_cannot_be_kept_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a file");
    fs::write(&state, "no folder").unwrap();
    let mut served = node(folder.path(), &roomy());
    let (mut terminal, said) = Terminal::sit_down_and_read(&served.url, &state);
    assert!(said.contains("not kept for the next time") && said.contains("chat_history"), "{said}");
    terminal.types("apples");
    terminal.asks();
    // The lines of this talk are there all the same.
    terminal.types(UP);
    terminal.sees("apples");
    terminal.asks();
    terminal.leaves();

    terminate(&served.child);
    assert!(served.child.wait().unwrap().success());
}
