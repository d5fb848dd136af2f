//! From what a client types to a function: `generate`, or `RealmApi_generate` where that says too little.

use super::{Function, Metadata};

/// Bytes of a name at most for which a nearest one is looked for, because that takes their square.
const NEAREST_BYTES_MAX: usize = 64;

/// Why a name is no function.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResolveError {
    /// No function has this name.
    #[error("the runtime has no function `{}`{}", shown(.name), hint(.nearest))]
    Unknown {
        /// The name asked for.
        name: String,
        /// A known name that looks like it.
        nearest: Option<String>,
    },
    /// Functions of several APIs have this bare name.
    #[error("several functions are called `{}`; say which: {}", shown(.name), .candidates.join(", "))]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// The full names that it could mean.
        candidates: Vec<String>,
    },
}

impl Metadata {
    /// The function with this full or bare name. Functions of `Core` and `Metadata` go by their full name only.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn resolve(&self, name: &str) -> Result<&Function, ResolveError> {
        if let Some(function) = self.function(name) {
            return Ok(function);
        }
        let mut named = self.bare(name);
        match (named.next(), named.next()) {
            (Some(function), None) => Ok(function),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(named);
                let candidates = all.map(|function| function.name.full().to_owned()).collect();
                Err(ResolveError::Ambiguous { name: name.to_owned(), candidates })
            }
            (None, _) => {
                let full = self.functions().iter().map(|function| function.name.full());
                let nearest = nearest(name, self.bare_named().map(|function| function.name.bare()).chain(full));
                Err(ResolveError::Unknown { name: name.to_owned(), nearest: nearest.map(str::to_owned) })
            }
        }
    }

    /// The functions that go by their bare names.
    pub(crate) fn bare_named(&self) -> impl Iterator<Item = &Function> {
        self.functions().iter().filter(|function| function.name.has_bare_form())
    }
}

fn shown(name: &str) -> String {
    match name.char_indices().nth(NEAREST_BYTES_MAX) {
        Some((end, _)) => format!("{}..", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default()
}

/// The known name nearest to `name`, if one is near: a third of its letters may differ, and two always.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > NEAREST_BYTES_MAX {
        return None;
    }
    let near = (name.len() / 3).max(2);
    known
        .filter(|known| known.len() <= NEAREST_BYTES_MAX)
        .map(|known| (edit_distance(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|&(distance, known)| distance <= near && distance < known.len())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| known)
}

/// Letters to insert, remove or replace to make one text the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, from) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&to) {
            let above = *cell;
            let replaced = diagonal + usize::from(from != *to);
            *cell = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        fn check(from: &str, to: &str, expected: usize) {
            assert_eq!(edit_distance(from, to), expected, "{from} {to}");
            assert_eq!(edit_distance(to, from), expected, "{to} {from}");
        }
        check("", "", 0);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("max_token", "max_tokens", 1);
    }

    #[test]
    fn nearest_names() {
        fn check(name: &str, expected: Option<&str>) {
            assert_eq!(nearest(name, ["max_tokens", "temperature", "top_k", "id"].into_iter()), expected, "{name}");
        }
        check("maxTokens", Some("max_tokens"));
        check("temprature", Some("temperature"));
        check("top_p", Some("top_k"));
        check("zebra", None);
        check("xy", None);
        check("", None);
        check(&"x".repeat(100_000), None);
    }
}
