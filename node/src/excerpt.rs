//! Texts of foreign origin, as they may be logged or sent on: short, on one line, and without control characters.

/// Bytes of an excerpt in the log.
pub const LOGGED_BYTES_MAX: usize = 200;
/// Bytes of an excerpt in an error that is sent to a client.
pub const SENT_BYTES_MAX: usize = 2000;

/// Returns the beginning of a text, escaped as in a Rust string: line breaks, escape sequences and other control
/// characters cannot forge a line of the log or reach a terminal. It has at most `bytes_max` bytes and an ellipsis.
pub fn excerpt(text: &str, bytes_max: usize) -> String {
    let mut excerpt = String::new();
    for character in text.chars() {
        let before = excerpt.len();
        match character {
            // Neither ends a line nor moves a cursor, and is easier to read as it is.
            '"' | '\'' => excerpt.push(character),
            _ => excerpt.extend(character.escape_debug()),
        }
        if excerpt.len() > bytes_max {
            excerpt.truncate(before);
            excerpt.push('…');
            return excerpt;
        }
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `spec_name` of an uploaded blob wrote a forged line and raw escape sequences into the log, 2 MB in one line.
    #[test]
    fn foreign_text_is_short_and_has_no_control_characters() {
        let forged = "x\n2026-01-01T00:00:00Z  INFO realm: all is well \u{1b}[2J\u{9b}31m\r";
        let shown = excerpt(forged, LOGGED_BYTES_MAX);
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.starts_with("x\\n2026") && shown.contains("\\u{1b}[2J"), "{shown}");
        let long = excerpt(&"\u{1b}".repeat(1 << 20), LOGGED_BYTES_MAX);
        assert!(long.len() <= LOGGED_BYTES_MAX + '…'.len_utf8() && long.ends_with('…'), "{long}");
        assert_eq!(excerpt("it says 'realm' version 2 — ok", 100), "it says 'realm' version 2 — ok");
    }
}
