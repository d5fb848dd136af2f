//! Cuts literal tokens out of a text: control tokens out of a rendered template, user-defined ones out of
//! any text. Of several that match at one place the longest wins.

use super::error::TokenizerError;
use aho_corasick::{AhoCorasick, MatchKind};

/// A token that is matched literally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub id: u32,
    pub text: String,
    /// Also takes the white space to its left.
    pub strip_left: bool,
    /// Also takes the white space to its right.
    pub strip_right: bool,
}

/// A stretch of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Token(u32),
}

#[derive(Debug)]
pub(super) struct Splitter {
    literals: Vec<Literal>,
    automaton: AhoCorasick,
}

impl Splitter {
    pub fn new(mut literals: Vec<Literal>) -> Result<Self, TokenizerError> {
        literals.retain(|literal| !literal.text.is_empty());
        let texts = literals.iter().map(|literal| &literal.text);
        let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
        let automaton = automaton.map_err(|error| TokenizerError::Controls(error.to_string()))?;
        Ok(Self { literals, automaton })
    }

    /// Byte ranges of the literals in `text`, left to right.
    pub fn matches(&self, text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.automaton.find_iter(text).map(|found| found.range())
    }

    /// The parts of `text` in order, none of them empty text.
    pub fn split<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        let mut done = 0;
        for found in self.automaton.find_iter(text) {
            let literal = &self.literals[found.pattern().as_usize()];
            // A match inside the blanks that the one before took is gone with them.
            let Some(mut before) = text.get(done..found.start()) else { continue };
            if literal.strip_left {
                before = before.trim_end();
            }
            if !before.is_empty() {
                parts.push(Part::Text(before));
            }
            parts.push(Part::Token(literal.id));
            done = found.end();
            if literal.strip_right {
                done = text.len() - text[done..].trim_start().len();
            }
        }
        if done < text.len() {
            parts.push(Part::Text(&text[done..]));
        }
        parts
    }
}
