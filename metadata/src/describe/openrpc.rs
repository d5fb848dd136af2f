//! The OpenRPC document: the node's own methods, handed in, and the runtime's functions, written
//! here as methods of their own. Tools that read OpenRPC make clients and consoles of it.

use serde_json::{Value, json};

use super::schema::Schemas;
use crate::model::{Function, Metadata};

/// The OpenRPC version whose rules the document follows.
const OPENRPC_VERSION: &str = "1.3.2";

/// What the document says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiInfo<'a> {
    /// The title.
    pub title: &'a str,
    /// The version of what is described.
    pub version: &'a str,
    /// A word to the reader.
    pub description: &'a str,
}

/// An OpenRPC document. `node_methods` are method objects of the node's own.
///
/// Each runtime function is a method named by its full name, called as `realm_call` or
/// `realm_subscribe` with that name and the parameters as an object or array; `x-realm-function`
/// marks it, and `x-realm-stream` is the schema of the items that it emits.
pub fn openrpc(metadata: &Metadata, info: &ApiInfo<'_>, node_methods: Vec<Value>) -> Value {
    let types = metadata.types();
    let roots = metadata.bare_named().flat_map(|function| {
        let parameters = function.parameters.iter().map(|parameter| parameter.ty);
        parameters.chain([function.returns]).chain(function.fails_with).chain(function.stream)
    });
    let schemas = Schemas::new(types, roots);
    let mut methods = node_methods;
    methods.extend(metadata.bare_named().map(|function| method(metadata, &schemas, function)));
    json!({
        "openrpc": OPENRPC_VERSION,
        "info": {"title": info.title, "version": info.version, "description": info.description},
        "methods": methods,
        "components": {"schemas": schemas.components()},
    })
}

fn method(metadata: &Metadata, schemas: &Schemas<'_>, function: &Function) -> Value {
    let types = metadata.types();
    let params: Vec<Value> = function
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "required": !parameter.optional,
                "schema": schemas.schema(parameter.ty),
            })
        })
        .collect();
    let mut method = json!({
        "name": function.name.full(),
        "summary": function.docs.lines().next().unwrap_or_default(),
        "description": function.docs,
        "paramStructure": "either",
        "params": params,
        "result": {"name": types[function.returns].name, "schema": schemas.schema(function.returns)},
        "x-realm-function": function.name.bare(),
    });
    if let Some(method) = method.as_object_mut() {
        if let Some(error) = function.fails_with {
            method.insert("x-realm-error".to_owned(), schemas.schema(error));
        }
        if let Some(item) = function.stream {
            method.insert("x-realm-stream".to_owned(), schemas.schema(item));
        }
    }
    method
}
