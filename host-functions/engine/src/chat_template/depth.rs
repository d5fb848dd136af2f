//! How deep values of a template may nest. Values are dropped, compared and written by recursion, in minijinja and here,
//! and no fuel is spent on it; so a value that nests without bound would overflow the stack and end the process.
//!
//! ```text
//!   {% set ns.x = [ns.x] %}   becomes   {% set ns.x = ([ns.x])|__stored %}
//!   {% set x = [y] %}         becomes   {% set x = ([y])|__bounded %}
//! ```
//!
//! Only what `set` keeps outlives its expression: the variables of a loop's body are cleared with every round, and
//! macros that call themselves are bounded by minijinja. Between two checks a value grows by what one expression
//! nests, which the parser bounds; the filters that nest a list are checked like `set`.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value, filters};

/// Values inside values that a template may keep.
pub const VALUE_DEPTH_MAX: usize = 64;
/// Values that a template may keep in one value, counted as often as they occur.
pub const VALUE_PARTS_MAX: usize = 500_000;
/// Brackets inside brackets of one expression.
pub const BRACKET_DEPTH_MAX: usize = 64;

/// Filter behind what a variable is set to.
const BOUNDED: &str = "__bounded";
/// Filter behind what an attribute of a namespace is set to.
const STORED: &str = "__stored";

/// The error of a value that nests too deep.
pub(super) fn too_deep() -> Error {
    let message = format!("a value nests deeper than {VALUE_DEPTH_MAX}; chat templates may not nest values further");
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Adds the checking filters, and checks what filters return that nest lists.
pub(super) fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter(BOUNDED, |value: Value| check(&value, true).map(|()| value));
    environment.add_filter(STORED, |value: Value| check(&value, false).map(|()| value));
    environment.add_filter("batch", |state: &minijinja::State, value: Value, count: usize, fill: Option<Value>| {
        bounded(filters::batch(state, value, count, fill)?)
    });
    environment.add_filter("slice", |state: &minijinja::State, value: Value, count: usize, fill: Option<Value>| {
        bounded(filters::slice(state, value, count, fill)?)
    });
    // No template of a model uses these, and each nests its list, or a lazy one, once more.
    environment.remove_filter("groupby");
    environment.remove_filter("zip");
    environment.remove_filter("chain");
}

fn bounded(value: Value) -> Result<Value, Error> {
    check(&value, true).map(|()| value)
}

/// Walks a value without recursion. `namespaces`: whether it may hold namespaces; one that were kept in another could
/// be made to hold itself.
fn check(value: &Value, namespaces: bool) -> Result<(), Error> {
    let mut parts = 0;
    let mut open = vec![(value.clone(), 0)];
    while let Some((value, depth)) = open.pop() {
        parts += 1;
        if parts > VALUE_PARTS_MAX {
            let message = format!("a value has more than {VALUE_PARTS_MAX} parts, which is the most that is allowed");
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        if !matches!(value.kind(), ValueKind::Map | ValueKind::Seq | ValueKind::Iterable) {
            continue;
        }
        if depth >= VALUE_DEPTH_MAX {
            return Err(too_deep());
        }
        let is_namespace = value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"));
        if is_namespace && !namespaces {
            let message = "a namespace cannot be kept in a namespace; give it a variable of its own";
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
        let is_map = value.kind() == ValueKind::Map;
        for item in value.try_iter()? {
            if is_map {
                open.push((value.get_item(&item)?, depth + 1));
            }
            open.push((item, depth + 1));
            if parts + open.len() > 2 * VALUE_PARTS_MAX {
                break;
            }
        }
    }
    Ok(())
}

/// The template with every `set` checked.
///
/// # Errors
/// Brackets nested deeper than [`BRACKET_DEPTH_MAX`]. What does not tokenise is given back as it is: it does not
/// compile either.
pub(super) fn guarded(source: &str, syntax: &SyntaxConfig) -> Result<String, String> {
    let mut out = String::with_capacity(source.len() + source.len() / 8);
    let mut copied = 0;
    let mut brackets = 0usize;
    let mut set: Option<Set> = None;
    let mut begins = false;
    for token in tokenize(source, false, syntax.clone()) {
        let Ok((token, span)) = token else { return Ok(source.to_owned()) };
        let end = span.end_offset as usize;
        let first = std::mem::replace(&mut begins, matches!(token, Token::BlockStart));
        match token {
            Token::BracketOpen | Token::BraceOpen | Token::ParenOpen => {
                brackets += 1;
                if brackets > BRACKET_DEPTH_MAX {
                    return Err(format!("brackets are nested deeper than {BRACKET_DEPTH_MAX}"));
                }
            }
            Token::BracketClose | Token::BraceClose | Token::ParenClose => brackets = brackets.saturating_sub(1),
            Token::Ident("set") if first => set = Some(Set { attribute: false, value: None }),
            Token::BlockEnd | Token::TemplateData(_) => {
                if let Some(Set { attribute, value: Some((from, to)) }) = set.take()
                    && from < to
                {
                    out.push_str(&source[copied..from]);
                    out.push_str(" (");
                    out.push_str(&source[from..to]);
                    out.push_str(")|");
                    out.push_str(if attribute { STORED } else { BOUNDED });
                    copied = to;
                }
                continue;
            }
            _ => {}
        }
        if let Some(set) = &mut set {
            match (&mut set.value, token) {
                (Some((_, to)), _) => *to = end,
                (None, Token::Assign) if brackets == 0 => set.value = Some((end, end)),
                (None, Token::Dot) => set.attribute = true,
                (None, _) => {}
            }
        }
    }
    out.push_str(&source[copied..]);
    Ok(out)
}

/// A `set` that is being read.
struct Set {
    /// Whether it sets an attribute of a namespace.
    attribute: bool,
    /// Where its value stands.
    value: Option<(usize, usize)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_checked() {
        let check = |source: &str, expected: &str| {
            assert_eq!(guarded(source, &SyntaxConfig::default()).as_deref(), Ok(expected));
        };
        check("{% set x = [y] %}b", "{% set x = ( [y])|__bounded %}b");
        check("{%- set ns.x=ns.x + [1] -%}", "{%- set ns.x= (ns.x + [1])|__stored -%}");
        check("{% set a, b = 1, 2 %}", "{% set a, b = ( 1, 2)|__bounded %}");
        check("{% set x = '%}' if a == b else '{%' %}", "{% set x = ( '%}' if a == b else '{%')|__bounded %}");
        check("{% set x %}text{% endset %}", "{% set x %}text{% endset %}");
        check("{% raw %}{% set x = 1 %}{% endraw %}", "{% raw %}{% set x = 1 %}{% endraw %}");
        check("{# {% set x = 1 %} #}{{ set }}", "{# {% set x = 1 %} #}{{ set }}");
        check("{% set %}", "{% set %}");
    }

    #[test]
    fn brackets_are_bounded() {
        let nested = |depth: usize| format!("{{{{ {}1{} }}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(guarded(&nested(BRACKET_DEPTH_MAX), &SyntaxConfig::default()).is_ok());
        assert!(guarded(&nested(BRACKET_DEPTH_MAX + 1), &SyntaxConfig::default()).is_err());
    }
}
