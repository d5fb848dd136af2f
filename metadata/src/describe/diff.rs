//! What an upgrade changes for clients: functions and types added, removed and changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{Function, Metadata, Shape, TypeId, Types};

/// The difference between two runtimes' metadata.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct MetadataDiff {
    /// Functions by full name; a changed one shows its signature.
    pub functions: Changes,
    /// Types that functions take or give, by name; a changed one shows its fields or variants.
    pub types: Changes,
}

/// What was added, removed and changed, in order of names.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Changes {
    /// Only the new one has these.
    pub added: Vec<String>,
    /// Only the old one has these.
    pub removed: Vec<String>,
    /// Both have these, and not alike.
    pub changed: Vec<Change>,
}

/// One thing that is not what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What it was.
    pub before: String,
    /// What it is.
    pub after: String,
}

impl MetadataDiff {
    /// Compares two runtimes, old and new.
    pub fn between(old: &Metadata, new: &Metadata) -> Self {
        Self {
            functions: Changes::between(signatures(old), signatures(new)),
            types: Changes::between(definitions(old), definitions(new)),
        }
    }

    /// True if clients of the old one can talk to the new one and find nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `{"functions": {"added": [..], "removed": [..], "changed": [{"name", "before", "after"}]}, "types": {..}}`
    pub fn to_json(&self) -> Value {
        json!({"functions": self.functions.to_json(), "types": self.types.to_json()})
    }
}

impl Changes {
    fn between(old: BTreeMap<String, String>, mut new: BTreeMap<String, String>) -> Self {
        let mut changes = Self::default();
        for (name, before) in old {
            match new.remove(&name) {
                None => changes.removed.push(name),
                Some(after) if after != before => changes.changed.push(Change { name, before, after }),
                Some(_) => {}
            }
        }
        changes.added = new.into_keys().collect();
        changes
    }

    fn to_json(&self) -> Value {
        let changed: Vec<Value> = self
            .changed
            .iter()
            .map(|change| json!({"name": change.name, "before": change.before, "after": change.after}))
            .collect();
        json!({"added": self.added, "removed": self.removed, "changed": changed})
    }
}

fn signatures(metadata: &Metadata) -> BTreeMap<String, String> {
    let functions = metadata.functions().iter();
    functions.map(|function| (function.name.full().to_owned(), signature(metadata.types(), function))).collect()
}

/// `(prompt: String, options: GenerateOptions) -> Result<GenerateResult, RuntimeError>, streams TokenEvent`
fn signature(types: &Types, function: &Function) -> String {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, types[parameter.ty].name))
        .collect();
    let stream = function.stream.map(|item| format!(", streams {}", types[item].name)).unwrap_or_default();
    format!("({}) -> {}{stream}", parameters.join(", "), types[function.output].name)
}

fn definitions(metadata: &Metadata) -> BTreeMap<String, String> {
    let types = metadata.types();
    let roots = metadata.functions().iter().flat_map(|function| {
        let parameters = function.parameters.iter().map(|parameter| parameter.ty);
        parameters.chain([function.output]).chain(function.stream)
    });
    let named = types.reachable(roots).into_iter().filter(|ty| !types[*ty].path.is_empty());
    named.map(|ty: TypeId| (types[ty].name.clone(), definition(types, &types[ty].shape))).collect()
}

/// `{text: String, index: u32}`, `stop = 0 | length = 1`.
fn definition(types: &Types, shape: &Shape) -> String {
    match shape {
        Shape::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name, types[field.ty].name)).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Shape::Enum(variants) => {
            let variants: Vec<String> = variants
                .iter()
                .map(|variant| match &variant.fields {
                    Shape::Unit => format!("{} = {}", variant.json_name, variant.index),
                    fields => format!("{} = {} {}", variant.json_name, variant.index, definition(types, fields)),
                })
                .collect();
            variants.join(" | ")
        }
        Shape::Newtype(inner) => format!("({})", types[*inner].name),
        Shape::Tuple(items) => {
            let items: Vec<&str> = items.iter().map(|item| types[*item].name.as_str()).collect();
            format!("({})", items.join(", "))
        }
        Shape::Option(inner) => format!("none | {}", types[*inner].name),
        Shape::Map(key, value) => format!("{} to {}", types[*key].name, types[*value].name),
        plain => format!("{plain:?}"),
    }
}
