//! Names of variants in the cases that JSON and error codes use.

/// `ContextOverflow` as `context_overflow`; `HTTPError` as `http_error`; `Q8_0` as `q8_0`.
pub(crate) fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, &char) in chars.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| chars.get(index));
        let next = chars.get(index + 1);
        let after_word = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
        let ends_acronym =
            before.is_some_and(|before| before.is_uppercase()) && next.is_some_and(|next| next.is_lowercase());
        if char.is_uppercase() && (after_word || ends_acronym) {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// `ContextOverflow` as `CONTEXT_OVERFLOW`.
pub(crate) fn screaming(name: &str) -> String {
    snake(name).to_uppercase()
}

/// The name without what cases differ in, to compare by.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(|char| !matches!(char, '_' | '-')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        fn check(name: &str, expected: &str) {
            assert_eq!(snake(name), expected);
            assert_eq!(screaming(name), expected.to_uppercase());
            assert_eq!(folded(name), folded(expected));
        }
        check("Stop", "stop");
        check("ContextOverflow", "context_overflow");
        check("HTTPError", "http_error");
        check("Q8_0", "q8_0");
        check("already_snake", "already_snake");
        check("", "");
    }
}
