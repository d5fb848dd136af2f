//! The discovery document: enough to call every function by hand. The answer of `system_metadata`.
//!
//! ```json
//! {"version": "0.1.0", "spec_name": "realm", "spec_version": 1, "metadata_hash": "0x..",
//!  "functions": [{"name": "generate", "api": "RealmApi",
//!                 "params": [{"name": "prompt", "type": "String", "optional": false}],
//!                 "returns": "GenerateResult", "errors": "RuntimeError", "stream": null, "description": ".."}],
//!  "types": {"GenerateOptions": {"kind": "struct", "description": "..", "fields": [..]}}}
//! ```

use serde_json::{Map, Value, json};

use crate::model::{Field, Function, Metadata, Shape, TypeId, Types, Variant};

/// What the document says beside what the metadata knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiscoveryHeader<'a> {
    /// The node's version.
    pub version: &'a str,
    /// The runtime's name.
    pub spec_name: &'a str,
    /// The runtime's version.
    pub spec_version: u32,
}

/// The discovery document of a runtime.
///
/// Functions go by the shortest name that `realm_call` takes. Those of `Core` and `Metadata` are not
/// listed, for the node calls them and clients need not. `types` holds every named type that the
/// functions take or give.
pub fn discovery(metadata: &Metadata, header: &DiscoveryHeader<'_>) -> Value {
    let types = metadata.types();
    let functions: Vec<Value> = metadata.bare_named().map(|function| describe(metadata, function)).collect();
    let roots = metadata.bare_named().flat_map(|function| {
        let parameters = function.parameters.iter().map(|parameter| parameter.ty);
        parameters.chain([function.returns]).chain(function.fails_with).chain(function.stream)
    });
    let described =
        types.reachable(roots).into_iter().filter_map(|ty| Some((types[ty].name.clone(), describe_type(types, ty)?)));
    json!({
        "version": header.version,
        "spec_name": header.spec_name,
        "spec_version": header.spec_version,
        "metadata_hash": metadata.hash().to_string(),
        "functions": functions,
        "types": described.collect::<Map<String, Value>>(),
    })
}

fn describe(metadata: &Metadata, function: &Function) -> Value {
    let types = metadata.types();
    let name = match metadata.resolve(function.name.bare()) {
        Ok(found) if found.name == function.name => function.name.bare(),
        _ => function.name.full(),
    };
    let params: Vec<Value> = function
        .parameters
        .iter()
        .map(|parameter| {
            json!({"name": parameter.name, "type": types[parameter.ty].name, "optional": parameter.optional})
        })
        .collect();
    json!({
        "name": name,
        "api": function.name.api(),
        "params": params,
        "returns": types[function.returns].name,
        "errors": function.fails_with.map(|ty| types[ty].name.as_str()),
        "stream": function.stream.map(|ty| types[ty].name.as_str()),
        "description": function.docs,
    })
}

/// `None` for types whose name says it all.
fn describe_type(types: &Types, ty: TypeId) -> Option<Value> {
    let entry = &types[ty];
    if entry.path.is_empty() || matches!(entry.shape, Shape::Option(_)) {
        return None;
    }
    let mut described = json!({"kind": kind(&types.peeled(ty).shape), "description": entry.docs});
    let detail = match &entry.shape {
        Shape::Struct(fields) => Some(("fields", describe_fields(types, fields))),
        Shape::Enum(variants) => {
            Some(("variants", variants.iter().map(|variant| describe_variant(types, variant)).collect()))
        }
        Shape::Newtype(inner) => Some(("as", types[*inner].name.clone().into())),
        Shape::Tuple(items) => Some(("items", items.iter().map(|item| types[*item].name.as_str()).collect())),
        _ => None,
    };
    if let (Some(object), Some((key, detail))) = (described.as_object_mut(), detail) {
        object.insert(key.to_owned(), detail);
    }
    Some(described)
}

fn describe_fields(types: &Types, fields: &[Field]) -> Value {
    fields
        .iter()
        .map(|field| {
            let entry = &types[field.ty];
            json!({"name": field.name, "type": entry.name, "optional": entry.optional, "description": field.docs})
        })
        .collect()
}

fn describe_variant(types: &Types, variant: &Variant) -> Value {
    let mut described = json!({"name": variant.json_name, "description": variant.docs});
    let detail = match &variant.fields {
        Shape::Struct(fields) => Some(("fields", describe_fields(types, fields))),
        Shape::Newtype(inner) => Some(("as", types[*inner].name.clone().into())),
        Shape::Tuple(items) => Some(("items", items.iter().map(|item| types[*item].name.as_str()).collect())),
        _ => None,
    };
    if let (Some(object), Some((key, detail))) = (described.as_object_mut(), detail) {
        object.insert(key.to_owned(), detail);
    }
    described
}

/// What a type is in JSON.
fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Unit => "null",
        Shape::Bool => "boolean",
        Shape::Char | Shape::Text => "string",
        Shape::Unsigned(_) | Shape::Signed(_) | Shape::Compact(_) => "integer",
        Shape::Float | Shape::Milli | Shape::SignedMilli | Shape::Nano => "number",
        Shape::Bytes | Shape::ByteArray(_) => "hex",
        Shape::Sequence(_) | Shape::Array(..) => "array",
        Shape::Tuple(_) => "tuple",
        // A newtype in a circle, which has no values.
        Shape::Newtype(_) => "none",
        Shape::Struct(_) => "struct",
        Shape::Option(_) => "option",
        Shape::Enum(_) => "enum",
        Shape::Map(..) => "map",
        Shape::Unsupported => "scale_only",
    }
}
