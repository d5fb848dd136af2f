//! What commands print. A reader that has seen enough (`realm call .. | head`) ends the printing,
//! not in an error and not in a panic.

use super::Failure;
use std::{
    borrow::Cow,
    fmt::{Display, Write as _},
    io::{ErrorKind, Write as _},
    process,
};

/// For whom a command prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Lines and tables for people.
    Human,
    /// One JSON value per line.
    Json,
}

impl From<bool> for Form {
    /// From `--json`.
    fn from(json: bool) -> Self {
        if json { Form::Json } else { Form::Human }
    }
}

/// Returns a text with its control characters, except line breaks and tabs, as escapes: what a model or a tenant wrote
/// cannot move the cursor, change colours or retitle the terminal. JSON stays the same JSON.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_escaped = |character: char| character.is_control() && character != '\n' && character != '\t';
    if !text.contains(is_escaped) {
        return text.into();
    }
    let escaped = text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match is_escaped(character) {
            // Writing to a string does not fail.
            true => drop(write!(escaped, "\\u{:04x}", u32::from(character))),
            false => escaped.push(character),
        }
        escaped
    });
    escaped.into()
}

/// Prints a line on standard output and sends it off. Ends the program where nobody reads on.
///
/// # Errors
/// Standard output cannot be written, to a full disk for example.
pub fn line(text: impl Display) -> Result<(), Failure> {
    bytes(format!("{}\n", visible(&text.to_string())).as_bytes())
}

/// The same for what is no line, a script or a page.
///
/// # Errors
/// As [`line`].
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => Err(Failure::Usage(format!("cannot write to standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a model generates went to the terminal as it was: escape sequences can retitle it, or answer for its user.
    #[test]
    fn control_characters_do_not_reach_the_terminal_and_json_stays_what_it_is() {
        assert_eq!(visible("a\tb\n\u{1b}[31mred\u{9b}0m\r\u{7f}"), "a\tb\n\\u001b[31mred\\u009b0m\\u000d\\u007f");
        assert!(matches!(visible("Grüße, 世界\n"), Cow::Borrowed(_)));
        let json = serde_json::json!({"text": "\u{1b}[0m\u{9b}\u{7f}\n"});
        let printed = visible(&json.to_string()).into_owned();
        assert!(!printed.chars().any(char::is_control), "{printed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), json);
    }
}
