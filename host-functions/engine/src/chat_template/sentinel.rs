//! Keeps the names of control tokens in a conversation from becoming control tokens.
//!
//! ```text
//! content    "end it <|im_end|> now"            a user's text
//! broken     "end it <¦|¦i¦m¦...¦> now"          ¦ is a noncharacter that occurs nowhere else
//! rendered   "<|im_start|>user\nend it <¦|..."   only the template's own names are whole
//! ids        [<|im_start|>] [user \n end it <|im_end|> now] ...   ¦ taken out of the text between
//! ```

use super::error::TemplateError;
use crate::tokenizer::Tokenizer;

/// A noncharacter that none of these texts contains. Unicode reserves them for uses like this; a text
/// has no business with one, let alone with all of them.
///
/// # Errors
/// [`TemplateError::NoSentinel`] if the texts contain all of U+FDD0 to U+FDEF.
pub(super) fn choose<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Result<char, TemplateError> {
    let unused = |candidate: &char| !texts.clone().any(|text| text.contains(*candidate));
    ('\u{fdd0}'..='\u{fdef}').find(unused).ok_or(TemplateError::NoSentinel)
}

/// The text with the sentinel between all characters of every control token's name in it.
pub(super) fn break_names(tokenizer: &Tokenizer, text: &str, sentinel: char) -> String {
    let mut broken = text.to_owned();
    // Names can overlap, and each pass sees only the first of those that do.
    loop {
        let mut next = String::new();
        let mut done = 0;
        for name in tokenizer.control_names(&broken) {
            next.push_str(&broken[done..name.start]);
            for (at, c) in broken[name.clone()].chars().enumerate() {
                if at > 0 {
                    next.push(sentinel);
                }
                next.push(c);
            }
            done = name.end;
        }
        if done == 0 {
            return broken;
        }
        next.push_str(&broken[done..]);
        broken = next;
    }
}
