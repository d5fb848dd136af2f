//! Finds stop texts in text that comes in pieces, and never lets a part of one out.
//!
//! ```text
//!   stop "END"      pieces  "the E" "N" "emy"  →  out  "the " "" "ENemy"
//!                   pieces  "the E" "N" "D.."  →  out  "the " "" stop
//! ```
//!
//! What could still become a stop text is held back: at most the longest stop text less one byte.

use alloc::{string::String, vec::Vec};

/// The end of a text, watched for stop texts.
pub(crate) struct StopMatcher {
    stops: Vec<String>,
    /// Always a proper prefix of some stop text, or empty.
    held: String,
}

/// What became certain with a piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// This text is part of the answer; maybe empty.
    Text(String),
    /// This text is the last of the answer; a stop text followed.
    Stop(String),
}

impl StopMatcher {
    /// Watches for these texts; none may be empty.
    pub fn new(stops: Vec<String>) -> Self {
        StopMatcher { stops, held: String::new() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) -> Seen {
        if self.stops.is_empty() {
            return Seen::Text(piece.into());
        }
        self.held.push_str(piece);
        // The stop text that begins first wins; it may have begun in an earlier piece.
        if let Some(begin) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(begin);
            return Seen::Stop(core::mem::take(&mut self.held));
        }
        let hold = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - hold);
        Seen::Text(core::mem::replace(&mut self.held, rest))
    }

    /// The text ended: what was held back is no stop text.
    pub fn finish(self) -> String {
        self.held
    }
}

/// Length of the longest proper prefix of `stop` that `text` ends with.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len().saturating_sub(1));
    (1..=longest).rev().find(|&len| stop.is_char_boundary(len) && text.ends_with(&stop[..len])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the pieces; what came out by each, `|` between them, `!` where it stopped, `$` before the rest.
    fn check(stops: &[&str], pieces: &[&str], expected: &str) {
        let mut matcher = StopMatcher::new(stops.iter().map(|stop| (*stop).into()).collect());
        let mut out = String::new();
        for piece in pieces {
            match matcher.push(piece) {
                Seen::Text(text) => out.extend([text.as_str(), "|"]),
                Seen::Stop(text) => {
                    out.extend([text.as_str(), "!"]);
                    assert_eq!(out, expected);
                    return;
                }
            }
        }
        out.extend(["$", matcher.finish().as_str()]);
        assert_eq!(out, expected);
    }

    #[test]
    fn stop_texts_across_pieces() {
        check(&[], &["a", "b"], "a|b|$");
        check(&["END"], &["the E", "N", "emy"], "the ||ENemy|$");
        check(&["END"], &["the E", "N", "D.."], "the ||!");
        check(&["END"], &["the E", "N"], "the ||$EN");
        check(&["END"], &["aENDbEND"], "a!");
        check(&["ab", "b"], &["xab"], "x!");
        check(&["aab"], &["a", "a", "a", "b"], "||a|!");
        check(&["\n\n", "User:"], &["hi\n", "Us", "er", ": x"], "hi|\n||!");
        check(&["é!"], &["café", "!"], "caf|!");
        check(&["é!"], &["café", "?"], "caf|é?|$");
        check(&["日本"], &["日", "日", "本"], "|日|!");
    }

    #[test]
    fn pieces_do_not_matter() {
        let text = "one two STOPPED three";
        let stops = ["STOP", "TOPP", "three"];
        let whole = match StopMatcher::new(stops.iter().map(|stop| (*stop).into()).collect()).push(text) {
            Seen::Stop(text) => text,
            Seen::Text(_) => panic!("no stop in the whole text"),
        };
        for size in 1..=text.len() {
            let mut matcher = StopMatcher::new(stops.iter().map(|stop| (*stop).into()).collect());
            let mut out = String::new();
            let mut stopped = false;
            for piece in text.as_bytes().chunks(size) {
                match matcher.push(std::str::from_utf8(piece).unwrap()) {
                    Seen::Text(text) => out.push_str(&text),
                    Seen::Stop(text) => {
                        out.push_str(&text);
                        stopped = true;
                        break;
                    }
                }
            }
            assert!(stopped && out == whole, "pieces of {size}: {out:?} is not {whole:?}");
        }
    }
}
