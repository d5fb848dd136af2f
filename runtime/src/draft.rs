//! Guessing what follows: a text's last tokens are looked for in the text before them, and what
//! followed them there is the guess.

use alloc::vec::Vec;

/// Tokens that must agree before what followed them is guessed: the most that are tried first.
const MATCH_TOKENS_MAX: usize = 3;
/// A single equal token says too little.
const MATCH_TOKENS_MIN: usize = 2;
/// How far back is looked. Bounds the work per token.
const LOOK_BACK_TOKENS: usize = 4096;

/// What followed the last time that the text's last tokens stood in it, at most `len_max` tokens.
pub(crate) fn draft(known: &[u32], len_max: usize) -> Vec<u32> {
    if len_max == 0 {
        return Vec::new();
    }
    let text = &known[known.len().saturating_sub(LOOK_BACK_TOKENS)..];
    for match_len in (MATCH_TOKENS_MIN..=MATCH_TOKENS_MAX).rev() {
        let Some(before_end) = text.len().checked_sub(1).filter(|len| *len >= match_len) else { continue };
        let ending = &text[text.len() - match_len..];
        if let Some(at) = text[..before_end].windows(match_len).rposition(|window| window == ending) {
            let follows = &text[at + match_len..];
            return follows[..follows.len().min(len_max)].to_vec();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::draft;

    #[test]
    fn what_followed_the_last_time_is_guessed() {
        let check = |known: &[u32], len_max, expected: &[u32]| assert_eq!(draft(known, len_max), expected, "{known:?}");
        check(&[], 4, &[]);
        check(&[1], 4, &[]);
        check(&[1, 2], 4, &[]);
        check(&[1, 2, 3, 4], 4, &[]);
        // Two equal tokens are enough, the longer match is preferred, and of equals the last.
        check(&[1, 2, 9, 8, 1, 2], 4, &[9, 8, 1, 2]);
        check(&[1, 2, 9, 8, 1, 2], 1, &[9]);
        check(&[1, 2, 9, 8, 1, 2], 0, &[]);
        check(&[5, 1, 2, 7, 6, 1, 2, 8, 5, 1, 2], 1, &[7]);
        check(&[1, 2, 7, 1, 2, 8, 3, 1, 2], 1, &[8]);
        // A run overlaps itself.
        check(&[4, 4, 4], 3, &[4]);
        check(&[4, 4, 4, 4], 3, &[4]);
        // One equal token is not.
        check(&[1, 2, 3, 2], 4, &[]);
    }
}
